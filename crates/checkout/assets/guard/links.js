// Links: what a click leads to, whoever clicks, and whatever happens between two listeners.
// A link is read by the browser once all listeners ran, and each of them may put another address in: it is looked at before and behind them.
const [XLINK, MATHS] = ["http://www.w3.org/1999/xlink", "http://www.w3.org/1998/Math/MathML"];
const isLink = (node) => apply(matches, node, ["a,area"]) || (namespaceOf(node) === MATHS && apply(matches, node, ["[*|href]"]));
// What a drawing uses stands elsewhere, and its copy is in no path. Which of them it is, browsers find out in ways of their own, and it may be
// another one in a moment: each link of a drawing in the same tree may be it.
const addUsed = (links, use) => {
  links.used[links.used.length++] = use;
  const inside = all(links.roots[links.roots.length - 1], "a");
  for (let at = 0; at < inside.length; at += 1) {
    if (namespaceOf(inside[at]) === XHTML) continue;
    links.used[links.used.length++] = inside[at];
    links.isDrawn = true;
  }
};
/** The links of a path; those that may be `used`, and the `roots` of trees with drawings, are kept beside. */
const linksOf = (path) => {
  const links = { __proto__: null, length: 0, used: none(), roots: none(), isDrawn: false, path };
  for (let at = 0; at < path.length; at += 1) {
    try {
      if (kindOf(path[at]) !== 1) continue;
      const isUse = apply(matches, path[at], ["use"]);
      const is = isLink(path[at]);
      if (is) links[links.length++] = path[at];
      if (!isUse && (!is || namespaceOf(path[at]) === XHTML)) continue;
      links.roots[links.roots.length++] = apply(getRootNode, path[at], []);
      if (isUse) addUsed(links, path[at]);
      else links.isDrawn = true;
    } catch { /* a window */ }
  }
  return links;
};
/** What an event goes through that is sent to a node, from the inside out. */
const pathFrom = (node) => {
  const path = none();
  while (node) {
    path[path.length++] = node;
    let next = null;
    try { next = kindOf(node) === 3 ? slotOfText(node) : slotOf(node); } catch { /* no child of anything */ }
    try { next ??= parentOf(node) ?? (kindOf(node) === 11 ? ownerOf(node) : null); } catch { /* a fragment */ }
    node = next;
  }
  return path;
};
const MOVING = '[attributeName*="href" i]';
// Code in an address (`javascript:void(0)`) runs in no page that is held to a policy. In another window there might be none.
const isOfPage = (link) => {
  const target = apply(getAttribute, link, ["target"]) ?? "";
  const own = whole === window ? /^(?:_self|_top|_parent)?$/i : /^(?:_self)?$/i;
  return pageOf(link) === page && apply(exec, own, [target]) !== null && !apply(findIn, page, ["base[target]"]);
};
/** The foreign host that a link leads to; "" where it leads to none. One that a drawing sets in motion leads anywhere. */
const leads = (link) => {
  const base = baseOf(link);
  const plain = apply(getAttribute, link, ["href"]);
  const drawn = apply(getAttributeNS, link, [XLINK, "href"]);
  const host = (plain !== null && foreign(plain, base)) || (drawn !== null && foreign(drawn, base)) || "";
  const isPlain = namespaceOf(link) === XHTML;
  // What is only saved opens no page. A drawing's link may be set in motion, whatever it begins with.
  if (isPlain && (host === "blob:" || host === "data:") && drawn === null && apply(hasAttribute, link, ["download"])) return "";
  if (host === "javascript:" && (!stops || (isPlain && isOfPage(link)))) return "";
  if (host || isPlain) return host;
  const root = apply(getRootNode, link, []);
  return apply(kindOf(root) === 11 ? findInFragment : findIn, kindOf(root) === 1 ? page : root, [MOVING]) ? "animate:" : "";
};
const isStopped = (links) => {
  let host = "";
  for (let at = 0; !host && at < links.length; at += 1) try { host = leads(links[at]); } catch (fault) { tolerate(fault); /* in no page */ }
  for (let at = 0; !host && at < links.used.length; at += 1) try { host = leads(links.used[at]); } catch (fault) { tolerate(fault); /* in no page */ }
  return host !== "" && stop("popup", host);
};
/** Whether something changed that may set a link's address in motion, and may have been there for a moment only. */
const sets = (nodes) => {
  for (let at = countOf(nodes) - 1; at >= 0; at -= 1) {
    if (kindOf(nodes[at]) !== 1) continue;
    if (apply(matches, nodes[at], [MOVING]) || apply(within, nodes[at], [MOVING]).length) return true;
  }
  return false;
};
const hasMoved = (records) => {
  for (let at = 0; at < records.length; at += 1) {
    if (attributeOf(records[at]) === "attributeName" || sets(addedOf(records[at])) || sets(removedOf(records[at]))) return true;
  }
  return false;
};
// What a person clicks: between two listeners the observer is asked, and so again behind the last.
let last = null;
const look = (records) => {
  if (last && !stageOf(last.event)) last = null;
  if (!last) return;
  // A drawing's links are others where others were put in.
  if (last.links.roots.length) last.links = linksOf(last.links.path);
  const moves = records && last.links.isDrawn && hasMoved(records) && stop("popup", "animate:");
  if (moves || isStopped(last.links)) apply(preventDefault, last.event, []);
};
const follows = new MutationObserver(look);
/** An address that a drawing's link is given this way is in no record. */
const based = (native, self, args) => {
  const done = apply(native, self, args);
  look();
  return done;
};
const ALL = { __proto__: null, attributes: true, childList: true, subtree: true };
const onClick = (event) => {
  if (apply(noteOf, silent, [event])) return;
  const links = linksOf(apply(composedPath, event, []));
  if (!links.length && !links.used.length) return;
  if (isStopped(links)) apply(preventDefault, event, []);
  else if (depth && stops && links.length) {
    hush(event);
    waiting[waiting.length++] = { __proto__: null, event, links };
  } else {
    last = { __proto__: null, event, links };
    apply(disconnect, follows, []);
    for (let at = 0; at < links.length; at += 1) apply(observe, follows, [links[at], { __proto__: null, attributes: true }]);
    for (let at = 0; at < links.roots.length; at += 1) apply(observe, follows, [links.roots[at], ALL]);
  }
};
// Chromium connects to the host of a link that is pressed, before it is clicked: a hint like any other.
const onPress = (event) => {
  const links = linksOf(apply(composedPath, event, []));
  for (let at = 0; at < links.length; at += 1) {
    const host = leads(links[at]);
    if (host && host !== "animate:") tell("seen", "preconnect", host);
  }
};
// What a script clicks: nothing runs between the last listener and the browser. So the event goes through the page without doing anything,
// which nobody sees, and what it would have done is done after it.
const silent = new Notes();
const busy = new Marks();
let [depth, waiting] = [0, none()];
const hush = (event) => {
  const state = { __proto__: null, isFree: canStop(event), isPrevented: false };
  if (!state.isFree) apply(initEvent, event, [typeOf(event), climbs(event), true]);
  apply(preventDefault, event, []);
  apply(note, silent, [event, state]);
  return state;
};
// What a button or a box does by itself where the link around it leads nowhere. (Its own click was held back: a listener could have put an
// address into the link, and nothing runs between the last of them and the browser.)
const BOXES = "input:is([type=checkbox i],[type=radio i])";
const SENDS = "button:not([type=button i],[type=reset i]),input:is([type=submit i],[type=image i])";
const happen = (node, name) => apply(dispatch, node, [new Fact(name, { __proto__: null, bubbles: true, composed: name === "input" })]);
const check = (box) => {
  const isRadio = apply(matches, box, ["[type=radio i]"]);
  if (isRadio && isTicked(box)) return;
  apply(tick, box, [!isTicked(box)]);
  if (!isRadio) apply(doubt, box, [false]);
  happen(box, "input");
  happen(box, "change");
};
const settle = (path) => {
  let at = 0;
  while (at < path.length && !(kindOf(path[at]) === 1 && apply(matches, path[at], ["button,input,a"]))) at += 1;
  const own = path[at];
  if (!own || apply(matches, own, ["a,:disabled"])) return;
  if (apply(matches, own, [BOXES])) return check(own);
  const form = apply(matches, own, ["button"]) ? formOfButton(own) : formOfInput(own);
  if (form && apply(matches, own, [SENDS])) apply(requestSubmit, form, [own]);
  else if (form && apply(matches, own, ["[type=reset i]"])) apply(reset, form, []);
  else if (apply(matches, own, ["input[type=file i]"])) apply(showPicker, own, []);
};
const ATTRIBUTES = ["href", "target", "rel", "download", "referrerpolicy", "ping"];
const follow = (links) => {
  if (isStopped(links)) return;
  for (let at = 0; at < links.length; at += 1) {
    const made = apply(createElementNS, pageOf(links[at]), [XHTML, "a"]);
    for (let next = 0; next < ATTRIBUTES.length; next += 1) {
      const name = ATTRIBUTES[next];
      const value = apply(getAttribute, links[at], [name]) ?? (next ? null : apply(getAttributeNS, links[at], [XLINK, name]));
      if (value !== null) apply(setAttribute, made, [name, value]);
    }
    if (apply(hasAttribute, made, ["href"])) return apply(click, made, []);
  }
  try { settle(links.path); } catch { /* a window, or a picker that nobody asked for */ }
};
// A handler says no by what it returns, and not by a word of the event's.
const HANDLERS = [HTMLElement.prototype, SVGElement.prototype, Document.prototype, window].map((owner) => describe(owner, "onclick"));
const heedHandlers = (path, event, state) => {
  const put = none();
  const heed = (node, { get, set }) => {
    let old = null;
    try { old = apply(get, node, []); } catch { /* of another kind */ }
    if (typeof old !== "function") return;
    const ours = function (given) {
      const said = apply(old, this, [given]);
      if (said === false && given === event) state.isPrevented = state.isFree;
      return said;
    };
    apply(set, node, [ours]);
    put[put.length++] = () => apply(get, node, []) === ours && apply(set, node, [old]);
  };
  for (let at = 0; at <= path.length; at += 1) {
    for (let next = 0; next < HANDLERS.length; next += 1) heed(path[at] ?? window, HANDLERS[next]);
  }
  return put;
};
const quietly = (self, path, links, event) => {
  let state = apply(noteOf, silent, [event]);
  if (!state || !isPrevented(event)) state = hush(event);
  if (!isPrevented(event)) return false;
  const put = heedHandlers(path, event, state);
  try { nested(dispatch, self, [event]); } finally { for (let at = 0; at < put.length; at += 1) put[at](); }
  if (!state.isPrevented && (climbs(event) || links[0] === self || !links.length)) follow(links);
  return !state.isPrevented;
};
// A label clicks what it labels by itself.
const nested = (native, self, args) => {
  depth += 1;
  try { return apply(native, self, args); } finally {
    depth -= 1;
    const done = waiting;
    if (!depth) waiting = none();
    for (let at = 0; !depth && at < done.length; at += 1) if (!apply(noteOf, silent, [done[at].event]).isPrevented) follow(done[at].links);
  }
};
// A label that stands in no page would click where we do not hear of it.
const hasLostLabel = (path) => {
  try {
    if (isPlaced(path[path.length - 1])) return false;
    for (let at = 0; at < path.length; at += 1) if (kindOf(path[at]) === 1 && apply(matches, path[at], ["label"])) return true;
  } catch { /* no node */ }
  return false;
};
const isLost = (path) => hasLostLabel(path) && stop("popup");
const seen = (links, native, self, args) => {
  isStopped(links);
  try { return apply(native, self, args); } finally { isStopped(links); }
};
const sent = (native, self, args) => {
  const event = args[0];
  let type = "";
  try { type = typeOf(event); } catch (fault) { tolerate(fault); /* the native says so */ }
  if (type !== "click" && type !== "auxclick") return apply(native, self, args);
  if (stops) reserve();
  const path = pathFrom(self);
  const links = linksOf(path);
  if (isLost(path)) return false;
  if (!links.length) return nested(native, self, args);
  if (!stops) return seen(links, native, self, args);
  if (isStopped(links)) return false;
  const isDead = stageOf(event) !== 0 || (isPrevented(event) && !apply(noteOf, silent, [event]));
  return type === "auxclick" || isDead ? nested(native, self, args) : quietly(self, path, links, event);
};
const pressed = (native, self) => {
  const path = pathFrom(self);
  const links = linksOf(path);
  // What is in such a label itself clicks nothing else: it does what it does, without the label.
  const isAlone = !links.length && hasLostLabel(path) && apply(matches, self, ["button,input"]);
  if (!isAlone && isLost(path)) return;
  if (!links.length && !(isAlone && stops)) return nested(native, self, []);
  if (!stops) return seen(links, native, self, []);
  if (isStopped(links) || apply(matches, self, [":is(button,input,select,textarea):disabled"]) || apply(has, busy, [self])) return;
  const how = { __proto__: null, bubbles: true, cancelable: true, composed: true, view: viewOf(pageOf(self)), pointerId: -1 };
  const event = new Press("click", how);
  apply(add, busy, [self]);
  try { quietly(self, path, links, event); } finally { apply(unmark, busy, [self]); }
};
const prevented = (native, self, args) => {
  const state = apply(noteOf, silent, [self]);
  if (!state) return apply(native, self, args);
  state.isPrevented ||= state.isFree;
};
/** What an event says of itself that we hold: as the page knows it. */
const tells = (owner, name, isNo) => {
  const found = describe(owner, name);
  const get = function () {
    const state = apply(noteOf, silent, [this]);
    return state ? state.isPrevented === isNo : apply(found.get, this, []);
  };
  const set = found.set && function (value) {
    const state = apply(noteOf, silent, [this]);
    if (!state) apply(found.set, this, [value]);
    else if (!value) state.isPrevented = state.isFree;
  };
  defineProperty(owner, name, { __proto__: null, enumerable: true, configurable: false, get, set });
};
