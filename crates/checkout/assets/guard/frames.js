// Frames: each gets what the page got before anybody can reach into it, and what cannot be guarded does not stand.
const armed = new WeakSet();
// The element of each window that is a frame. That one says without a fault whether its page may be looked into, and at every look anew: a
// window of another host that comes back to the shop's is met as any other.
const elements = new Notes();
const isElsewhere = (frame) => {
  const element = apply(noteOf, elements, [frame]);
  if (!element) return false;
  try { return documentIn[nameOf(element)](element) === null; } catch { return false; }
};
const visit = (w) => {
  for (let at = framesOf(w) - 1; at >= 0; at -= 1) {
    try {
      const frame = w[at];
      if (isElsewhere(frame)) continue;
      if (!apply(has, armed, [frame.document])) arm(frame);
      visit(frame);
    } catch { /* of another host, whose affair it is */ }
  }
};
// A frame in a shadow tree stands in no list of windows: it is met where its window, or its page, is handed out, and then looked into as others.
const apart = none();
const met = new WeakSet();
const meet = (w) => {
  try {
    if (!w || isElsewhere(w)) return;
    if (!apply(has, armed, [w.document])) {
      arm(w);
      if (!apply(has, met, [w])) apart[apart.length++] = w;
      apply(add, met, [w]);
    }
    visit(w);
  } catch { /* of another host */ }
};
const sweep = () => {
  visit(window);
  for (let at = apart.length - 1; at >= 0; at -= 1) {
    if (!isGone(apart[at])) {
      meet(apart[at]);
      continue;
    }
    apply(unmark, met, [apart[at]]);
    apart[at] = apart[--apart.length];
  }
};
// Near the end of the stack the browser would still put a frame in, and what looks after it behind that would fail: then that fails before.
const reserve = (left) => (left ? reserve(left - 1) + 1 : 0);
const swept = (native, self, args) => {
  reserve(200);
  try { return apply(native, self, args); } finally { sweep(); }
};
const reached = (native, self, args) => {
  const w = swept(native, self, args);
  meet(w);
  return w;
};
const paged = (native, self, args) => {
  const inside = swept(native, self, args);
  if (inside) meet(viewOf(inside));
  return inside;
};

// What could hold a frame that is not looked at in time. No frame has a page of the page's own text (`srcdoc`): with a `sandbox` nobody may
// look into it, and without one it is there before it is seen. None stands in an `option`: `select[0] = …` and `options[0] = …` put that in,
// nothing of it can be wrapped, and nothing is told of it in time.
const STRAY = "iframe[srcdoc],option iframe,option frame,option object,option embed";
const isStray = (frame) => stops && apply(matches, frame, [STRAY]) && stop("frame");
const isBarred = (frame) => stops && apply(matches, frame, ["iframe[srcdoc]"]) && stop("frame");
const isInOption = (node) => {
  while (node) {
    const near = kindOf(node) === 1 ? node : parentOf(node);
    if (near && kindOf(near) === 1 && apply(closest, near, ["option"])) return true;
    const root = apply(getRootNode, node, []);
    if (kindOf(root) !== 11) return false;
    try { node = ownerOf(root); } catch { return false; }
  }
  return false;
};
/** Takes out what must not stand below a node, and in the templates there. */
const clear = (node) => {
  if (!stops) return;
  const found = all(node, STRAY);
  for (let at = 0; at < found.length; at += 1) if (stop("frame")) apply(remove, found[at], []);
  const templates = all(node, "template");
  for (let at = -1; at < templates.length; at += 1) {
    let content = null;
    try { content = contentOf(at < 0 ? node : templates[at]); } catch { /* of another kind */ }
    if (content) clear(content);
  }
};
// While something is put in, code of the page may run (a frame that goes is told so, and a field that is left), and it may bring the place
// into an `option`: that is looked at behind it, and before any code that runs behind it.
const places = none();
const putRight = () => {
  for (let at = 0; at < places.length; at += 1) if (isInOption(places[at])) clear(apply(getRootNode, places[at], []));
};
const watched = (place, native, self, args) => {
  places[places.length++] = place;
  try { return swept(native, self, args); } finally {
    putRight();
    places[--places.length] = null;
  }
};
/** What is read from a text, and stands in no page yet. */
const cleared = (native, self, args) => {
  const made = apply(native, self, args);
  try { clear(made); } catch { /* no node */ }
  return made;
};
/** Whoever sets an attribute, by whatever: a frame in the page that has a page of text then is taken out. */
const settled = (bearer) => (native, self, args) => {
  const done = apply(native, self, args);
  const frame = stops ? bearer(self, args[0]) : null;
  if (frame && apply(matches, frame, ["iframe[srcdoc]"]) && isPlaced(frame) && stop("frame")) apply(remove, frame, []);
  return done;
};
const itself = (self) => self;
const bearing = (self) => (kindOf(self) === 2 ? bearerOf(self) : null);
const borne = (_, attribute) => bearerOf(attribute);

// What is put into the page goes in without its frames, so that nothing that runs meanwhile finds one; then each by itself.
const swap = (frame, held) => {
  const place = apply(createComment, page, [""]);
  const parent = parentOf(frame);
  if (parent) apply(replaceChild, parent, [place, frame]);
  held[held.length++] = { __proto__: null, place, frame };
  return place;
};
// Those in trees are put in with their hosts. Where nobody ever made a tree, none is looked for.
let hasTrees = false;
const framesIn = (node, found) => {
  const inside = all(node, FRAMES);
  for (let at = 0; at < inside.length; at += 1) found[found.length++] = inside[at];
  if (!hasTrees) return found;
  const hosts = all(node, "*");
  for (let at = -1; at < hosts.length; at += 1) {
    const host = at < 0 ? node : hosts[at];
    const tree = kindOf(host) === 1 && treeOf(host);
    if (tree) framesIn(tree, found);
  }
  return found;
};
const isNode = (given) => {
  try { return kindOf(given) === 1 || kindOf(given) === 11; } catch { return false; }
};
const hold = (args, most, held) => {
  for (let at = 0; at < args.length && at < most; at += 1) {
    if (!isNode(args[at])) continue;
    const inside = framesIn(args[at], { __proto__: null, length: 0 });
    for (let next = 0; next < inside.length; next += 1) swap(inside[next], held);
    if (most > 1 && kindOf(args[at]) === 1 && apply(matches, args[at], [FRAMES])) args[at] = swap(args[at], held);
  }
};
/** Whether a frame would stand in an `option`, by what is put in or by what a range puts into that. */
const isOptional = (args, most, place, ranged) => {
  if (ranged.length && (isInOption(place) || (isNode(args[0]) && isInOption(args[0])))) return true;
  for (let at = 0; at < args.length && at < most; at += 1) {
    if (!isNode(args[at])) continue;
    const inside = framesIn(args[at], { __proto__: null, length: 0 });
    const isFrame = kindOf(args[at]) === 1 && apply(matches, args[at], [FRAMES]);
    if ((inside.length || isFrame) && isInOption(place)) return true;
    for (let next = 0; next < inside.length; next += 1) if (isInOption(inside[next])) return true;
  }
  return false;
};
/** Whether anything of it stands in the page: only then does code run while it is put in. */
const isLively = (args, place) => {
  if (isPlaced(place)) return true;
  for (let at = 0; at < args.length; at += 1) if (isNode(args[at]) && isPlaced(args[at])) return true;
  return false;
};
const placed = (most, placeOf = itself, inRange = none) => (native, self, args) => {
  const held = none();
  const count = stops ? args.length : 0;
  const ranged = count ? inRange(self) : none();
  if (count && isOptional(args, most, placeOf(self), ranged) && stop("frame")) return args[0];
  if (count && most === 1 && isNode(args[0]) && isPlaced(placeOf(self)) && kindOf(args[0]) === 1 && isBarred(args[0])) return args[0];
  try {
    if (count && isPlaced(placeOf(self))) {
      for (let at = 0; at < ranged.length; at += 1) swap(ranged[at], held);
      hold(args, most, held);
    }
    return count && isLively(args, placeOf(self)) ? watched(placeOf(self), native, self, args) : swept(native, self, args);
  } finally {
    for (let at = 0; at < held.length; at += 1) {
      const { place, frame } = held[at];
      const parent = parentOf(place);
      if (parent && (isBarred(frame) || (isInOption(parent) && stop("frame")))) apply(removeText, place, []);
      else if (parent) apply(replaceChild, parent, [frame, place]);
      sweep();
    }
  }
};
const one = placed(1);
// Whose list it is cannot be asked: it may stand in the page.
const listed = placed(1, () => page);
const many = placed(Infinity);
// Where it begins is where a node is put in.
const ranged = placed(Infinity, startOf);
// What stands in the range is taken out and put in again.
const framesOfRange = (range) => {
  const [common, found] = [commonOf(range), none()];
  const inside = kindOf(common) === 3 ? none() : all(common, FRAMES);
  for (let at = 0; at < inside.length; at += 1) if (apply(intersectsNode, range, [inside[at]])) found[found.length++] = inside[at];
  return found;
};
const surrounded = placed(Infinity, commonOf, framesOfRange);
/** What stands in the page and is moved keeps its frames. */
const moved = (native, self, args) => (stops && isNode(args[0]) && isOptional(args, 1, self, none()) && stop("frame") ? undefined : swept(native, self, args));

// A text goes in at once: what has code of its own, and stands in it or goes for it, would meet a frame before we do.
const FRAMED = /<(?:i?frame|object|embed)/i;
const TREES = /shadowrootmode/i;
const CLOSED = /shadowrootmode(?!\s*=\s*(?:open[\s>/]|"open"|'open'))/i;
const OWN = /<[a-z][^\s/>]*-|[\s/"']is\s*=/i;
const isOwn = (node) => {
  const inside = all(node, "*");
  for (let at = kindOf(node) === 1 ? -1 : 0; at < inside.length; at += 1) {
    if (apply(indexOf, nameOf(at < 0 ? node : inside[at]), ["-"]) >= 0) return true;
  }
  return false;
};
const holdsOwn = (text, replaced) => hasOwn && (hasOwnKinds || apply(exec, OWN, [text]) !== null || (replaced !== null && isOwn(replaced)));
/** Read once, and put in as it was read here. Where a property is set, `null` is no text. */
const textOf = (args, at, ofNull = "null") => {
  if (args.length <= at) return "";
  try { return apply(trusted, args[at], []); } catch { return args[at] = args[at] === null ? ofNull : `${args[at]}`; }
};
const texted = (place, makesTrees = false, ofNull = "null") => (native, self, args) => {
  const text = textOf(args, place, ofNull);
  const isFramed = apply(exec, FRAMED, [text]) !== null;
  if (makesTrees) {
    if (apply(exec, CLOSED, [text]) && stop("other")) return;
    hasTrees ||= apply(exec, TREES, [text]) !== null;
    if (isFramed && apply(exec, TREES, [text]) && stop("frame")) return;
  }
  if (!isFramed) return swept(native, self, args);
  if (holdsOwn(text, place === 1 ? null : self) && stop("frame")) return;
  const root = apply(getRootNode, self, []);
  try { return watched(self, native, self, args); } finally { clear(root); }
};
// What is cut, merged and put back in a text that is edited goes where nobody says.
const command = texted(2);
const commanded = (native, self, args) => {
  try { return command(native, self, args); } finally { clear(self); }
};
// A page of its own that is read from a text.
const parsed = (native, self, args) => {
  const text = textOf(args, 0);
  if (apply(exec, CLOSED, [text]) && stop("other")) return;
  hasTrees ||= apply(exec, TREES, [text]) !== null;
  if (apply(exec, FRAMED, [text]) && apply(exec, TREES, [text]) && stop("frame")) return;
  return cleared(native, self, args);
};
