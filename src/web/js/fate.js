// What became of a secret, in words, and watched: asked for again and again, less and less often, until it has come to its end.
// `pages/receipt.rs` says the same without a script.

import { Problem } from "./api.js";
import { words } from "./problem.js";

const texts = document.querySelector('[data-id="fates"]');
const text = (name) => texts.getAttribute(`data-${name}`);

/** Between two questions, in milliseconds: at first and after a change, and at last. */
const SOON = 2_000;
const LATEST = 30_000;
const SLOWER = 1.5;

/** What there is to say of a receipt that isn't known, or no more. */
export const UNTOLD = { state: "untold" };

/** The state of what a receipt tells, as a heading. */
export const titleOf = ({ state }) => text(state) ?? text("other");

/** What that means for the sender. */
export function whyOf({ state, burned_by: by }) {
  return (by && text(`${state}-${by}-why`)) ?? text(`${state}-why`) ?? text("other-why");
}

/** Whether nothing more can become of it. */
export const isOver = ({ state }) => !["open", "unread", "claimed"].includes(state);

export const isGone = (error) => error instanceof Problem && error.problem.code === "gone";

/** Why nothing was told just now: it is asked for again. */
export const awayWords = ({ problem }) => (problem ? words(problem) : text("away"));

/**
 * Calls `look` again and again: soon at first and after a change, later and later otherwise; not while nobody sees the page, and at
 * once when somebody does again. It gives "changed", "same", or "over", after which it isn't called any more.
 */
export function watch(look) {
  let pause = SOON;
  let timer = null;
  let looking = false;
  let wanted = false;
  let stopped = false;
  const now = async () => {
    clearTimeout(timer);
    if (stopped || document.hidden) return;
    // What is under way may have been asked too early to know of what was done since.
    wanted = looking;
    if (looking) return;
    looking = true;
    const seen = await look().finally(() => (looking = false));
    if (seen === "over") stop();
    if (stopped) return;
    if (wanted) return now();
    if (seen === "changed") pause = SOON;
    timer = setTimeout(now, pause);
    pause = Math.min(pause * SLOWER, LATEST);
  };
  const again = () => {
    pause = SOON;
    now();
  };
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", again);
    removeEventListener("online", again);
  };
  document.addEventListener("visibilitychange", again);
  addEventListener("online", again);
  timer = setTimeout(now, pause);
  return { now, stop };
}
