// Leaving the page, other windows, and what is written.
const onNavigate = (event) => {
  const host = canStop(event) && foreign(urlOf(goalOf(event)));
  if ((host === "blob:" || host === "data:") && isSaved && isSaved(event) !== null) return;
  if (host && stop("navigate", host)) apply(preventDefault, event, []);
};
/** Whether an address is of another host of the web: one that was approved counts as the shop's nowhere but where the page itself goes. */
const isOfOthers = (url) => {
  try {
    const address = new Address(url);
    const scheme = schemeOf(address);
    return (scheme === "https:" || scheme === "http:") && originOf(address) !== origin;
  } catch { return false; }
};
// A frame that has natives of ours keeps them: it goes to another host, as the policy allows, or nowhere.
const onFrameNavigate = (event) => {
  const url = urlOf(goalOf(event));
  const host = foreign(url);
  if (!isOfOthers(url) && (!host || host === "about:" || host === "blob:") && stop("frame", host)) apply(preventDefault, event, []);
};
// Whoever has a way to a window can lead it anywhere, and has its natives where it is the shop's: each opens without one. One of nobody does
// not open. (A provider's window is opened by the provider's frame, which is not ours to look into.)
const opened = (native, self, args) => {
  const url = args[0] === undefined ? "" : `${args[0]}`;
  const host = url === "" ? "about:" : foreign(url, baseOf(page));
  if (host && stop("window_open", host)) return null;
  const how = stops ? `${args[2] ?? ""},noopener` : args[2];
  const other = apply(native, self, { __proto__: null, length: 3, 0: url, 1: args[1], 2: how });
  try { if (other) arm(other); } catch { /* of another host */ }
  return other;
};
// Whoever sends a message hands their window over, and those around it: another page of the shop's that a link or a form opened is guarded by
// nobody.
const whole = window.top;
const sourced = (native, self, args) => {
  const from = apply(native, self, args);
  try {
    if (from === null || from.top === undefined) return from;
    if (from.top !== whole) return null;
    for (let w = from; w !== window && w !== whole; w = aboveOf(w)) meet(w);
    return from;
  } catch { return null; }
};
// A small window above all others is one of nobody, too.
const floated = (native, self, args) => (stop("window_open", "about:") ? refuse("No window of nobody.") : apply(native, self, args));
const reopened = (native, self, args) => {
  if (args.length > 2) return opened(native, self, args);
  const same = swept(native, self, args);
  attend(self);
  return same;
};
// Frames and scripts that are written in one go would meet before we meet the frame.
const tails = new Notes();
const behindTail = (self, text) => apply(toLowerCase, (apply(noteOf, tails, [self]) ?? "") + text, []);
const isRefused = (low) => {
  if (apply(exec, TREES, [low]) && stop("other")) return true;
  const holds = (word) => apply(indexOf, low, [word]) >= 0;
  const isFramed = holds("<iframe") || holds("<frame") || holds("<object") || holds("<embed");
  return isFramed && (holds("<script") || holdsOwn(low, null)) && stop("frame");
};
const written = (native, self, args) => {
  // What is written while a text is read, or while a policy is asked about it, stands before it.
  let text = "";
  for (let at = 0; at < args.length; at += 1) text += textOf(args, at);
  if ((asking && stop("frame")) || isRefused(behindTail(self, text))) return;
  // Where nothing is being read, writing begins the page anew and takes listeners off, before what is written runs.
  // (By `write`: `writeln` would put a line end before what is written.)
  apply(write, self, [empty]);
  attend(self);
  // So does what is written by code that runs as the page goes.
  const low = behindTail(self, text);
  if (isRefused(low)) return;
  apply(note, tails, [self, apply(slice, low, [apply(lastIndexOf, low, ["<"])])]);
  swept(native, self, args);
  clear(self);
  attend(self);
};
// Back and forth: a page of another host's may stand before the shop's, and be told by how far it is gone back to, or by a name. Browsers
// list what stands around the page and is of its own host, and no other: it is gone to by its key, as steps may be others once they are taken.
let [heading, underWay] = [-1, null];
const goTo = (entry, at) => {
  const isFree = heading < 0;
  heading = at;
  const go = () => {
    const { committed, finished } = apply(traverseTo, around, [keyOf(entry)]);
    apply(then, finished, [nothing, nothing]);
    return committed;
  };
  const there = () => { if (heading === at) heading = -1; };
  underWay = apply(then, isFree ? go() : apply(then, underWay, [go, go]), [there, there]);
};
/** A page that comes back as it was left: the step that it left by is over, and nobody says so. */
const onShow = (event) => {
  if (isKept(event)) [heading, underWay] = [-1, null];
};
const gone = (step) => (native, self, args) => {
  const by = step || args[0] | 0;
  if (!by || !around) return apply(native, self, [by]);
  // What is no history, or one of no page, is refused as ever.
  stepsOf(self);
  const own = apply(placesOf, around, []);
  const at = (heading < 0 ? placeOf(currentOf(around)) : heading) + by;
  const isOwn = at >= 0 && at < own.length;
  // Many shops go forth on each page, so that nobody comes back to it: that is nothing to tell.
  if (!isOwn && by < 0 && stepsOf(history) !== own.length) stop("navigate");
  if (!stops) return apply(native, self, [by]);
  if (isOwn) goTo(own[at], at);
};
// A window keeps its name wherever it is led, and whoever is there reads it. What the page calls itself is told to the page alone.
let ownName = calledBy(window);
const nameless = (w) => {
  const { get: read, set: call, enumerable } = describe(w, "name");
  const get = function () { return (this ?? w) === window ? ownName : apply(read, this ?? w, []); };
  const set = function (name) {
    if ((this ?? w) === window) ownName = `${name}`;
    else apply(call, this ?? w, [name]);
  };
  defineProperty(w, "name", { __proto__: null, get, set, enumerable, configurable: true });
};
