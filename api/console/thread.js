// A thread as it is seen: its head, its messages, what is missing between them, and how far the caller has read.

import { Conversation } from "./conversation.js";
import { made, say, show, when } from "./page.js";
import { claims } from "./service.js";

// `over` is called when nothing of it may be shown any more.
export function open(thread, over) {
  const messages = made("ol", { id: "messages", role: "log", "aria-live": "polite", "aria-label": "Messages" });
  const state = made("p", { class: "state", role: "status", id: "state" });
  const held = made("p", { id: "held" });
  const earlier = made("button", { type: "button", class: "quiet", hidden: true, onclick: () => tried(conversation.earlier()) }, "Earlier messages");
  const shown = new Map();
  const conversation = new Conversation(thread.thread_id, () => draw());
  show(made("div", { class: "head" }, made("h2", {}, thread.title), held, state), earlier, messages);

  function draw() {
    if (conversation.over) {
      shown.clear();
      return over(conversation);
    }
    const { seqs, gaps } = conversation;
    state.dataset.state = conversation.state.name;
    if (state.textContent !== conversation.state.text) state.textContent = conversation.state.text;
    held.textContent = summary(seqs, gaps);
    earlier.hidden = !conversation.hasEarlier;
    const followed = isAtEnd();
    arrange(messages, rows(conversation, thread.read_seq, shown));
    if (followed) scrollTo(0, document.documentElement.scrollHeight);
  }
  tried(conversation.follow());
  return conversation;
}

// Whoever looks at the newest message goes on doing so; whoever has scrolled back stays there.
const isAtEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 40;

function summary(seqs, gaps) {
  if (seqs.length === 0) return "No messages";
  const range = seqs.length === 1 ? `Message ${seqs[0]}` : `Messages ${seqs[0]}–${seqs.at(-1)}`;
  return gaps.length ? `${range}, ${gaps.length} gap${gaps.length > 1 ? "s" : ""}` : `${range}, no gap`;
}

// Elements are kept while their message stays as it is, so that only what is new is read aloud.
function rows(conversation, readSeq, shown) {
  const before = new Map(conversation.gaps.map((gap) => [gap[1] + 1, gap]));
  const { seqs } = conversation;
  return seqs.flatMap((seq, at) => {
    const one = kept(shown, seq, conversation.messages.get(seq));
    const gap = before.has(seq) ? [missing(conversation, before.get(seq))] : [];
    const mark = seq > readSeq && (at === 0 ? readSeq > 0 : seqs[at - 1] <= readSeq) ? [kept(shown, "mark", readSeq, divider)] : [];
    return [...gap, ...mark, one];
  });
}

function kept(shown, key, value, make = message) {
  const version = JSON.stringify(value);
  if (shown.get(key)?.version !== version) shown.set(key, { version, element: make(value) });
  return shown.get(key).element;
}

function arrange(list, wanted) {
  wanted.forEach((element, at) => {
    if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

function message(one) {
  const husk = one.deleted_at !== null;
  const own = one.sender_id === (claims().user_id ?? claims().sub);
  const edited = !husk && one.updated_at !== one.created_at ? made("span", {}, "edited") : null;
  const kind = one.message_type === "text" ? null : made("span", {}, one.message_type);
  const head = [made("span", { class: "seq" }, String(one.seq)), made("span", { class: "sender" }, one.sender_id), kind, edited, when(one.created_at)];
  const content = husk ? "deleted" : one.content;
  return made("li", { class: `message${husk ? " husk" : ""}${own ? " own" : ""}`, "data-seq": one.seq }, made("header", {}, ...head), made("p", { class: "content", dir: "auto" }, content));
}

function missing(conversation, gap) {
  const text = gap[0] === gap[1] ? `Message ${gap[0]} is missing here. ` : `Messages ${gap[0]}–${gap[1]} are missing here. `;
  return made("li", { class: "gap" }, text, made("button", { type: "button", onclick: () => tried(conversation.fill(gap)) }, "Read them"));
}

const divider = (readSeq) => made("li", { class: "mark" }, readSeq > 0 ? `You have read up to ${readSeq}` : "Unread");

const tried = (work) => work.catch((error) => error.name === "AbortError" || say(error.message));
