// Elements of the page's own (custom elements). Their code runs while something else is put in or taken out, before whoever did that has the
// word again: each class is given to the browser as one of ours, and whatever of it the browser calls looks after all frames first.
const CALLBACKS = ["connectedCallback", "disconnectedCallback", "adoptedCallback", "connectedMoveCallback", "attributeChangedCallback",
  "formAssociatedCallback", "formDisabledCallback", "formResetCallback", "formStateRestoreCallback"];
let [hasOwn, hasOwnKinds] = [false, false];
// Of each registry: ours by the page's class. And the page's class by ours.
const registries = new Notes();
const theirs = new Notes();
const oursIn = (registry, given) => {
  const ours = apply(noteOf, registries, [registry]);
  return ours && apply(noteOf, ours, [given]);
};
const attentive = () => {
  sweep();
  putRight();
};
/** What the browser reads of a class, once: a prototype that lies tells us what it tells. */
const callbacksOf = (found) => {
  if (!isThing(found)) return found;
  const own = { __proto__: null };
  for (let at = 0; at < CALLBACKS.length; at += 1) {
    const callback = found[CALLBACKS[at]];
    if (callback === undefined) continue;
    own[CALLBACKS[at]] = typeof callback === "function" ? function () { attentive(); return apply(callback, this, arguments); } : callback;
  }
  return own;
};
/** A class in the place of the page's. Its elements are of the page's class all the same, and have its prototype. */
const classFor = (given) => {
  let callbacks = callbacksOf(given.prototype);
  let isRead = false;
  const made = (_, args, by) => {
    isRead = true;
    attentive();
    return construct(given, args, by);
  };
  const get = (_, name) => (name === "prototype" && !isRead ? callbacks : given[name]);
  // Whoever is told of ours (`new.target`) reads and sets the page's.
  const ours = new Copy(function () {}, {
    __proto__: null, construct: made, get, getPrototypeOf: () => prototypeOf(given), setPrototypeOf: (_, to) => leadTo(given, to),
    has: (_, name) => name in given, set: (_, name, value) => put(given, name, value), preventExtensions: () => false,
    defineProperty: (_, name, how) => defineProperty(given, name, how), deleteProperty: (_, name) => takeAway(given, name),
  });
  apply(note, theirs, [ours, given]);
  return { __proto__: null, ours, end() { [isRead, callbacks] = [true, null]; } };
};
/** A base that knows whose class is ours: `new` of the page's class makes what is defined. */
const baseFor = (native, registry) =>
  new Copy(native, { __proto__: null, construct: (_, args, by) => construct(native, args, oursIn(registry, by) ?? by) });
// The browser's own classes of elements, by their names.
const CLASSES = none();
const called = Object.getOwnPropertyNames(window);
for (let at = 0; at < called.length; at += 1) if (apply(exec, /^HTML\w*Element$/, [called[at]])) CLASSES[CLASSES.length++] = called[at];
const defined = (native, self, args) => {
  hasOwn = true;
  hasOwnKinds ||= args[2] !== undefined;
  const given = args[1];
  if (typeof given !== "function") return apply(native, self, args);
  // The same class twice is an error, as ever.
  const former = oursIn(self, given);
  if (former) return apply(native, self, [args[0], former, args[2]]);
  const { ours, end } = classFor(given);
  if (!apply(hasNote, registries, [self])) apply(note, registries, [self, new Notes()]);
  const known = apply(noteOf, registries, [self]);
  apply(note, known, [given, ours]);
  let isDone = false;
  try {
    const done = apply(native, self, [args[0], ours, args[2]]);
    isDone = true;
    return done;
  } finally {
    end();
    if (!isDone) apply(unnote, known, [given]);
  }
};
/** Whoever asks for a class gets the page's. */
const classOf = (found) => apply(noteOf, theirs, [found]) ?? found;
const got = (native, self, args) => classOf(apply(native, self, args));
const awaited = (native, self, args) => apply(then, apply(native, self, args), [classOf]);
const spelt = (native, self, args) => apply(native, self, [oursIn(self, args[0]) ?? args[0]]);
/** In the place of a window's classes of elements, which such classes extend, or call by themselves. */
const knowing = (w) => {
  const [natives, bases] = [none(), new Notes()];
  for (let at = 0; at < CLASSES.length; at += 1) {
    const native = describe(w, CLASSES[at])?.value;
    if (typeof native !== "function") continue;
    const base = { __proto__: null, value: baseFor(native, w.customElements) };
    natives[natives.length++] = native;
    apply(note, bases, [native, base.value]);
    defineProperty(w, CLASSES[at], base);
    defineProperty(native.prototype, "constructor", base);
  }
  for (let at = 0; at < natives.length; at += 1) {
    const above = apply(noteOf, bases, [prototypeOf(natives[at])]);
    if (above) leadTo(natives[at], above);
  }
};
