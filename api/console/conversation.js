// One thread's messages and its live tail. It holds messages by seq, so that what is missing is known to be missing.

import { Refused, events, get, shut } from "./service.js";

const PAGE = 50;
const MOST = 200;
const FIRST_WAIT = 1000; // milliseconds
const LONGEST_WAIT = 30000;
const GONE = {
  thread_deleted: "the thread was deleted",
  learner_erased: "the learner was erased",
};
const SHUT = {
  token_expired: "the token has expired",
  unauthenticated: "the token does not count any more",
};
const HIDDEN = [401, 403, 404];

export class Conversation {
  constructor(threadId, changed) {
    this.path = `threads/${encodeURIComponent(threadId)}`;
    this.changed = changed;
    this.messages = new Map();
    this.state = { name: "connecting", text: "Connecting" };
    this.expired = 0; // no message up to this seq is there any more
    this.over = false; // nothing of it may be shown any more
    this.stop = new AbortController();
  }

  get seqs() {
    return [...this.messages.keys()].sort((one, other) => one - other);
  }

  // Ranges [first, last] between held messages that are not held.
  get gaps() {
    const seqs = this.seqs;
    return seqs.slice(1).flatMap((seq, at) => (seq > seqs[at] + 1 && seq - 1 > this.expired ? [[seqs[at] + 1, seq - 1]] : []));
  }

  get hasEarlier() {
    return this.messages.size > 0 && this.seqs[0] - 1 > this.expired;
  }

  // The last seq up to which nothing is missing: from there a stream goes on.
  get contiguous() {
    const [gap] = this.gaps;
    return gap ? gap[0] - 1 : (this.seqs.at(-1) ?? 0);
  }

  // What is under way brings nothing any more.
  close() {
    this.stop.abort();
    this.messages = new Map();
  }

  async earlier() {
    const first = this.seqs[0];
    const page = await this.#page({ before_seq: first, limit: PAGE });
    this.#hold(page.items);
    if (page.items.length < PAGE) this.expired = this.seqs[0] - 1;
    this.changed(this);
  }

  async fill([first, last]) {
    for (let after = first - 1; after < last; ) {
      const page = await this.#page({ after_seq: after, limit: MOST });
      this.#hold(page.items);
      const reached = page.items.at(-1)?.seq ?? last;
      if (page.items.length === 0 || page.items[0].seq > after + 1) this.expired = Math.max(this.expired, (page.items[0]?.seq ?? last + 1) - 1);
      after = reached;
    }
    this.changed(this);
  }

  // Follows the thread until it ends or `close` is called.
  async follow() {
    let wait = FIRST_WAIT;
    while (!this.stop.signal.aborted) {
      try {
        for await (const one of events(`${this.path}/stream`, this.contiguous, this.stop.signal)) {
          wait = FIRST_WAIT;
          if (one.event === "end" && SHUT[one.data.reason]) return shut(SHUT[one.data.reason]);
          if (one.event === "end" && GONE[one.data.reason]) return this.#end(GONE[one.data.reason]);
          await this.#take(one);
        }
        this.#say("away", "Connecting again");
      } catch (error) {
        if (this.stop.signal.aborted) return;
        if (error instanceof Refused && HIDDEN.includes(error.status)) return this.#withoutStream(error);
        if (error instanceof Refused && error.wait) wait = error.wait * 1000;
        this.#say("away", "Connecting again");
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(2 * wait, LONGEST_WAIT);
    }
  }

  async #withoutStream(error) {
    if (error.status === 404 && this.messages.size === 0) {
      try {
        await this.#newest();
        return this.#say("ended", "Not live: this service has no streams");
      } catch (worse) {
        error = worse;
      }
    }
    this.#end(error.message);
  }

  // Whoever was erased, or may be seen no more, is not left on the page.
  #end(why) {
    if (this.stop.signal.aborted) return;
    this.close();
    this.over = true;
    this.#say("ended", `Ended: ${why}`);
  }

  async #take(one) {
    if (one.event === "resync") {
      await (this.messages.size ? this.#again() : this.#newest());
      this.#say("live", "Live");
    } else if (one.event === "waiting") {
      const away = one.data.for ?? [];
      this.#say(away.length ? "waiting" : "live", away.length ? `Waiting for ${away.join(", ")}` : "Live");
    } else if (one.event === "message") {
      this.#hold([one.data]);
      this.changed(this);
    } else if (one.event === "edit" || one.event === "delete") {
      if (this.messages.has(one.data.seq)) this.#hold([one.data]);
      this.changed(this);
    }
  }

  // Edits and deletes may have passed by: all that is shown is read again.
  async #again() {
    const seqs = this.seqs;
    const held = this.messages;
    this.messages = new Map();
    try {
      await this.fill([seqs[0], seqs.at(-1)]);
    } catch (error) {
      if (!this.stop.signal.aborted) this.messages = held;
      throw error;
    }
  }

  async #newest() {
    const page = await this.#page({ limit: PAGE });
    this.#hold(page.items);
    if (page.items.length < PAGE) this.expired = (this.seqs[0] ?? 1) - 1;
    this.changed(this);
  }

  async #page(params) {
    try {
      const page = await get(`${this.path}/messages`, params, this.stop.signal);
      this.stop.signal.throwIfAborted();
      return page;
    } catch (error) {
      if (error instanceof Refused && HIDDEN.includes(error.status)) this.#end(error.message);
      throw error;
    }
  }

  #hold(items) {
    for (const one of items) this.messages.set(one.seq, one);
  }

  #say(name, text) {
    this.state = { name, text };
    this.changed(this);
  }
}
