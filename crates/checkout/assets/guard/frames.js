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
// From one to the next, and not within each other: however deep frames stand, that takes no more of the stack.
const visit = (from) => {
  const inside = none();
  for (let w = from; w; w = inside.length ? inside[--inside.length] : null) {
    for (let at = framesOf(w) - 1; at >= 0; at -= 1) {
      try {
        const frame = w[at];
        if (isElsewhere(frame)) continue;
        if (!apply(has, armed, [frame.document])) arm(frame);
        inside[inside.length++] = frame;
      } catch (fault) { tolerate(fault); /* of another host, whose affair it is */ }
    }
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
  } catch (fault) { tolerate(fault); /* of another host */ }
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
const swept = (native, self, args) => {
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
const isFrame = (node) => kindOf(node) === 1 && apply(matches, node, [FRAMES]);
const isBarred = (frame) => stops && apply(matches, frame, ["iframe[srcdoc]"]) && stop("frame");
const isInOption = (node) => {
  while (node) {
    const near = kindOf(node) === 1 ? node : parentOf(node);
    if (near && kindOf(near) === 1 && apply(closest, near, ["option"])) return true;
    const root = apply(getRootNode, node, []);
    if (kindOf(root) !== 11) return false;
    try { node = ownerOf(root); } catch (fault) {
      tolerate(fault);
      return false;
    }
  }
  return false;
};
/** Takes out what must not stand below a node, and in the templates there, however deep these stand in each other. */
const clear = (from) => {
  const inside = none();
  for (let node = stops ? from : null; node; node = inside.length ? inside[--inside.length] : null) {
    const found = all(node, STRAY);
    for (let at = 0; at < found.length; at += 1) if (stop("frame")) apply(remove, found[at], []);
    const templates = all(node, "template");
    for (let at = -1; at < templates.length; at += 1) {
      let content = null;
      try { content = contentOf(at < 0 ? node : templates[at]); } catch (fault) { tolerate(fault); /* of another kind */ }
      if (content) inside[inside.length++] = content;
    }
  }
};
// While something is put in, code of the page may run (a frame that goes is told so, and a field that is left), and it may bring the place
// into an `option`: that is looked at behind it, and before any code that runs behind it. What is put in the stead of something stands in
// what that stood in.
const places = none();
const putRight = () => {
  for (let at = 0; at < places.length; at += 1) if (isInOption(places[at])) clear(apply(getRootNode, places[at], []));
};
const noteAround = (place) => {
  const parent = parentOf(place);
  for (let at = 0; at < places.length; at += 1) if (places[at] === parent) return;
  if (parent) places[places.length++] = parent;
};
const watched = (place, native, self, args, after = putRight) => {
  const before = places.length;
  places[places.length++] = place;
  noteAround(place);
  try { return swept(native, self, args); } finally {
    after();
    while (places.length > before) places[--places.length] = null;
  }
};
const clearPlaces = () => {
  for (let at = 0; at < places.length; at += 1) clear(apply(getRootNode, places[at], []));
};
/** What is read from a text, and stands in no page yet. */
const cleared = (native, self, args) => {
  const made = apply(native, self, args);
  try { clear(made); } catch (fault) { tolerate(fault); /* no node */ }
  return made;
};
/** Whoever sets an attribute, by whatever: a frame in the page that has a page of text then is taken out. */
const settled = (bearer) => (native, self, args) => {
  const before = stops ? bearer(self, args[0]) : null;
  if (before && isFrame(before)) reserve();
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
const framesIn = (from) => {
  const [found, trees] = [none(), none()];
  for (let node = from; node; node = trees.length ? trees[--trees.length] : null) {
    const inside = all(node, FRAMES);
    for (let at = 0; at < inside.length; at += 1) found[found.length++] = inside[at];
    const hosts = hasTrees ? all(node, "*") : none();
    for (let at = hasTrees ? -1 : 0; at < hosts.length; at += 1) {
      const host = at < 0 ? node : hosts[at];
      const tree = kindOf(host) === 1 && treeOf(host);
      if (tree) trees[trees.length++] = tree;
    }
  }
  return found;
};
const isNode = (given) => {
  try { return kindOf(given) === 1 || kindOf(given) === 11; } catch (fault) {
    tolerate(fault);
    return false;
  }
};
/** The frames in what is put in, and whether that is one itself. */
const carriedIn = (args, most) => {
  const carried = { __proto__: null, inside: none(), isOne: false };
  for (let at = 0; at < args.length && at < most; at += 1) {
    if (!isNode(args[at])) continue;
    const inside = framesIn(args[at]);
    for (let next = 0; next < inside.length; next += 1) carried.inside[carried.inside.length++] = inside[next];
    carried.isOne ||= isFrame(args[at]);
  }
  return carried;
};
const hold = (args, { inside }, most, held) => {
  for (let at = 0; at < inside.length; at += 1) swap(inside[at], held);
  for (let at = 0; most > 1 && at < args.length; at += 1) if (isNode(args[at]) && isFrame(args[at])) args[at] = swap(args[at], held);
};
/** Whether a frame would stand in an `option`, by what is put in or by what a range puts into that. */
const isOptional = ({ inside, isOne }, place, ranged, first) => {
  if (ranged.length && (isInOption(place) || (isNode(first) && isInOption(first)))) return true;
  if ((inside.length || isOne) && isInOption(place)) return true;
  for (let at = 0; at < inside.length; at += 1) if (isInOption(inside[at])) return true;
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
  const carried = carriedIn(args, count ? most : 0);
  if (ranged.length || carried.inside.length || carried.isOne) reserve();
  if (count && isOptional(carried, placeOf(self), ranged, args[0]) && stop("frame")) return args[0];
  if (count && most === 1 && isNode(args[0]) && isPlaced(placeOf(self)) && kindOf(args[0]) === 1 && isBarred(args[0])) return args[0];
  try {
    if (count && isPlaced(placeOf(self))) {
      for (let at = 0; at < ranged.length; at += 1) swap(ranged[at], held);
      hold(args, carried, most, held);
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
const moved = (native, self, args) => (stops && isOptional(carriedIn(args, 1), self, none()) && stop("frame") ? undefined : swept(native, self, args));

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
  // Where it goes, too, is said before the look.
  if (place && args.length > 1) args[0] = `${args[0]}`;
  const text = textOf(args, place, ofNull);
  const isFramed = apply(exec, FRAMED, [text]) !== null;
  if (makesTrees) {
    if (apply(exec, CLOSED, [text]) && stop("other")) return;
    hasTrees ||= apply(exec, TREES, [text]) !== null;
    if (isFramed && apply(exec, TREES, [text]) && stop("frame")) return;
  }
  if (!isFramed) return swept(native, self, args);
  reserve();
  if (holdsOwn(text, place === 1 ? null : self) && stop("frame")) return;
  return watched(self, native, self, args, clearPlaces);
};
// Text that comes piece by piece is put in where nobody says.
const streamed = (native, self, args) => {
  if (stop("frame")) throw new Refused("Text goes into a held page as a whole.", "NotAllowedError");
  return apply(native, self, args);
};
// What is put into a text that is edited, cut, merged and put back goes where nobody says.
const commanded = (native, self, args) => {
  if (args[2] !== undefined && apply(exec, FRAMED, [textOf(args, 2)]) && stop("frame")) return false;
  try { return swept(native, self, args); } finally { clear(self); }
};
// A page's policy of the name `default` is asked about a text (Trusted Types, 3.5) once that was looked at, and before it is put in. What it
// makes of it is not looked at again: where that has a frame in it, or may be the half of one, it is the text that was.
let asking = 0;
const answered = (given) => function (...args) {
  attentive();
  let text = null;
  asking += 1;
  try {
    const said = apply(given, this, args);
    if (said !== null && said !== undefined) text = `${said}`;
  } finally { asking -= 1; }
  // From here on nothing of the page's runs until it is put in.
  for (let at = places.length - 1; at >= 0; at -= 1) noteAround(places[at]);
  return text;
};
const isRisky = (text, sink) =>
  apply(exec, FRAMED, [text]) !== null || apply(exec, TREES, [text]) !== null || apply(indexOf, `${sink}`, ["Document write"]) === 0;
const answeredText = (given) => {
  const answer = answered(given);
  return function (...args) {
    const text = apply(answer, this, args);
    const isNew = args.length > 1 && text !== null && text !== args[0];
    return isNew && isRisky(text, args[2]) && stop("frame") ? null : text;
  };
};
const ANSWERS = [["createHTML", answeredText], ["createScript", answered], ["createScriptURL", answered]];
const policied = (native, self, args) => {
  if (args.length) args[0] = `${args[0]}`;
  const rules = args[1];
  if (args[0] !== "default" || !isThing(rules)) return apply(native, self, args);
  const own = { __proto__: null };
  for (let at = 0; at < ANSWERS.length; at += 1) {
    const [name, around] = [ANSWERS[at][0], ANSWERS[at][1]];
    const given = rules[name];
    own[name] = typeof given === "function" ? around(given) : given;
  }
  return apply(native, self, [args[0], own]);
};
// A page of its own that is read from a text.
const parsed = (native, self, args) => {
  const text = textOf(args, 0);
  if (apply(exec, CLOSED, [text]) && stop("other")) return;
  hasTrees ||= apply(exec, TREES, [text]) !== null;
  if (apply(exec, FRAMED, [text]) && apply(exec, TREES, [text]) && stop("frame")) return;
  return cleared(native, self, args);
};
