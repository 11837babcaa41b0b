// Elements, made by name. Whatever users wrote becomes text: no markup is parsed anywhere, which Trusted Types hold.

export const $ = (id) => document.getElementById(id);

export function made(tag, attributes = {}, ...children) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) one.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) one.setAttribute(name, value === true ? "" : value);
  }
  one.append(...children.filter((child) => child !== null));
  return one;
}

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const when = (text) => made("time", { datetime: text, title: text }, TIME.format(new Date(text)));

export function say(problem) {
  $("alert").textContent = problem;
}

// Shows a view and moves the focus to its heading, so that a reader of the screen hears where it is.
export function show(...children) {
  $("content").replaceChildren(...children);
  const heading = $("content").querySelector("h2");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus();
}
