"""Databases of earlier days, as SQL: made at run time before there were revisions, for one guild or many."""

from __future__ import annotations

SINGLE_GUILD = """
    CREATE TABLE bot_settings (
        scope varchar(64) NOT NULL, key varchar(64) NOT NULL, value jsonb NOT NULL, updated_by bigint,
        PRIMARY KEY (scope, key));
    INSERT INTO bot_settings VALUES ('system', 'log_channel_id', '"123456789012345678"', 42);

    CREATE TABLE reminders (
        id serial PRIMARY KEY, name text NOT NULL, channel_id bigint NOT NULL, time time, days text[],
        message text, scheduled_time timestamp);
    INSERT INTO reminders (name, channel_id, time, days) VALUES ('weekly', 9, '20:00', '{0,2}');
    INSERT INTO reminders (name, channel_id, scheduled_time) VALUES ('once', 9, '2026-03-01 19:00');

    CREATE TABLE support_tickets (
        id serial PRIMARY KEY, user_id bigint NOT NULL, username text, description text NOT NULL,
        status text DEFAULT 'open', created_at timestamptz DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO support_tickets (user_id, description) VALUES (7, 'help'), (8, 'me');

    CREATE TABLE onboarding (id serial PRIMARY KEY, user_id bigint NOT NULL UNIQUE, responses jsonb,
        timestamp timestamp DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO onboarding (user_id, responses) VALUES (7, '{"0": "yes"}');

    CREATE TABLE guild_rules (id serial PRIMARY KEY, rule_order integer NOT NULL UNIQUE, title text NOT NULL,
        description text NOT NULL);
    INSERT INTO guild_rules (rule_order, title, description) VALUES (1, 'Be kind', 'Always');

    CREATE TABLE invite_tracker (user_id bigint PRIMARY KEY, invite_count integer DEFAULT 0);
    INSERT INTO invite_tracker VALUES (7, 3);

    CREATE TABLE gdpr_acceptance (user_id bigint PRIMARY KEY, accepted integer, timestamp timestamp);
    INSERT INTO gdpr_acceptance VALUES (7, 1, NULL), (8, NULL, '2025-01-01');

    CREATE TABLE faq_search_logs (id serial PRIMARY KEY, query text NOT NULL, match_count integer NOT NULL,
        created_at timestamptz DEFAULT now());
    INSERT INTO faq_search_logs (query, match_count, created_at) VALUES ('how', 2, '2025-05-05 12:00+00');

    CREATE TABLE faq_entries (id serial PRIMARY KEY, similarity_key text, summary text NOT NULL,
        created_by bigint, created_at timestamptz DEFAULT now());
    INSERT INTO faq_entries (similarity_key, summary) VALUES ('a', 'b');

    CREATE TABLE ticket_metrics (id bigserial PRIMARY KEY, snapshot jsonb NOT NULL,
        created_at timestamptz DEFAULT now());
    INSERT INTO ticket_metrics (snapshot) VALUES ('{"open": 1}');

    CREATE TABLE ticket_summaries (id serial PRIMARY KEY, ticket_id integer NOT NULL, summary text NOT NULL,
        created_at timestamptz DEFAULT now());
    INSERT INTO ticket_summaries (ticket_id, summary) VALUES (1, 'short');

    CREATE TABLE something_else (id integer PRIMARY KEY, note text);
    INSERT INTO something_else VALUES (1, 'mine');
"""
"""Never stamped, older than the chain, one guild."""

MULTI_GUILD_CONVERSION = """
    CREATE TABLE reminders (
        id serial, guild_id bigint NOT NULL DEFAULT 111222333, name text NOT NULL, channel_id bigint NOT NULL,
        time time, call_time time, days text[], message text, created_by bigint, origin_channel_id bigint,
        origin_message_id bigint, event_time timestamptz, location text, last_sent_at timestamptz,
        PRIMARY KEY (id, guild_id));
    INSERT INTO reminders (name, channel_id) VALUES ('old', 9);
    INSERT INTO reminders (guild_id, name, channel_id) VALUES (5, 'new', 9);

    CREATE TABLE support_tickets (
        id serial, guild_id bigint NOT NULL DEFAULT 111222333, user_id bigint NOT NULL, username text,
        description text NOT NULL, status text DEFAULT 'open', created_at timestamptz DEFAULT now(),
        channel_id bigint, claimed_by bigint, claimed_at timestamptz, updated_at timestamptz DEFAULT now(),
        escalated_to bigint, PRIMARY KEY (id, guild_id));
    INSERT INTO support_tickets (guild_id, user_id, description) VALUES (5, 7, 'help');
"""
"""A one-time conversion to many guilds: keys of two columns, and a default guild."""

ROWS = """
    INSERT INTO reminders (guild_id, name, channel_id) SELECT 5, 'r' || n, 9 FROM generate_series(1, 3) AS n;
    INSERT INTO audit_logs (guild_id, user_id, command_name, command_type) VALUES (5, 7, 'a', 'slash');
    INSERT INTO support_tickets (guild_id, user_id, description) VALUES (5, 7, 'help');
    INSERT INTO gdpr_acceptance (user_id, guild_id, accepted) VALUES (7, 5, 1);
    INSERT INTO engagement_challenges (guild_id) VALUES (5);
    INSERT INTO bot_settings (guild_id, scope, key, value) VALUES (5, 'a', 'b', '1')
"""
"""A few rows of the converged schema."""
