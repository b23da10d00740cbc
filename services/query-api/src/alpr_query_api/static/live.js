// The live feed: opened after the last reading that is shown, and again after every break.

const AGAIN_MS = 2000;

export class Live {
  #source = null;
  #timer = null;

  constructor(onReading, onState) {
    this.onReading = onReading;
    this.onState = onState;
    this.after = 0;
  }

  start(after) {
    this.stop();
    this.after = after;
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    const source = new EventSource(`/events/stream?after=${this.after}`);
    this.#source = source;
    source.addEventListener("ready", () => this.onState("live"));
    source.addEventListener("reading", (message) => {
      this.after = Number(message.lastEventId);
      this.onReading(JSON.parse(message.data));
    });
    source.onerror = () => {
      this.onState("away");
      if (source.readyState !== EventSource.CLOSED || source !== this.#source) return;  // it comes again by itself
      this.#timer = setTimeout(() => this.#open(), AGAIN_MS);
    };
  }
}
