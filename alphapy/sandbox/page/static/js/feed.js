// The live feed of one member: a WebSocket that comes back by itself. (Server-sent events would hold one of the
// browser's six connections per host, so six open tabs would freeze the page.)

const QUIET_MS = 45_000; // the sandbox pings every 15 s; three missed pings mean that the connection is dead
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 5_000;

export class Feed {
  #socket = null;
  #retry = FIRST_RETRY_MS;
  #timer = 0;
  #watchdog = 0;
  #closed = false;

  /** `onEvent(event)` gets each event; `onState(connected)` each change. After a (re)connection read all anew. */
  constructor(userId, { onEvent, onState }) {
    this.userId = userId;
    this.onEvent = onEvent;
    this.onState = onState;
    this.#connect();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#socket?.close();
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/page/events?as=${encodeURIComponent(this.userId)}`);
    this.#socket = socket;
    this.#watch();
    socket.addEventListener("message", (frame) => {
      if (this.#closed) return;
      this.#watch();
      const event = JSON.parse(frame.data);
      if (event.type === "hello") {
        this.#retry = FIRST_RETRY_MS;
        this.onState(true);
      } else if (event.type !== "ping") {
        this.onEvent(event);
      }
    });
    socket.addEventListener("close", () => this.#lost(socket));
  }

  #lost(socket) {
    if (this.#closed || this.#socket !== socket) return;
    this.#socket = null;
    clearTimeout(this.#watchdog);
    this.onState(false);
    this.#timer = setTimeout(() => this.#connect(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY_MS);
  }

  #watch() {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#watchdog = setTimeout(() => {
      socket.close();
      this.#lost(socket); // a dead connection may take minutes to report its own end
    }, QUIET_MS);
  }
}
