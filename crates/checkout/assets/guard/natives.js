// The first script of a paying page. It closes what no content policy closes: WebRTC, other windows, leaving the page, passkeys of others'
// hosts, frames with natives of their own. docs/checkout.md says what stays open. Nothing ran before it: what it takes here is the browser's
// own, and later it uses only that, never a method or an iterator that another script could have changed.
const { mode, report, to = "" } = document.currentScript.dataset;
const stops = mode === "enforce";
const approved = to.split(" ");
const { apply, construct, defineProperty, getOwnPropertyDescriptor: describe, getPrototypeOf: prototypeOf, setPrototypeOf: leadTo } = Reflect;
const { set: put, deleteProperty: takeAway } = Reflect;
const { fetch: send, URL: Address, document: page } = window;
const { stringify } = JSON;
const { indexOf, lastIndexOf, slice, toLowerCase, endsWith } = String.prototype;
const { Promise: Later, DOMException: Refused, TrustedHTML: Trusted, PointerEvent: Press, Event: Fact, Proxy: Copy } = window;
const { then } = Later.prototype;
const { reject } = Later;
const { WeakSet: Marks, WeakMap: Notes } = window;
const { has, add, delete: unmark } = Marks.prototype;
const { get: noteOf, set: note, has: hasNote, delete: unnote } = Notes.prototype;
const { addEventListener: listen, dispatchEvent: dispatch } = EventTarget.prototype;
const { preventDefault, composedPath, initEvent } = Event.prototype;
const { getAttribute, getAttributeNS, setAttribute, hasAttribute, remove, querySelectorAll: within, matches, closest } = Element.prototype;
const { createComment, createElementNS, querySelector: findIn, querySelectorAll: inPage, write } = Document.prototype;
const { querySelectorAll: inFragment, querySelector: findInFragment } = DocumentFragment.prototype;
const { replaceChild, getRootNode } = Node.prototype;
const { remove: removeText } = CharacterData.prototype;
const { intersectsNode } = Range.prototype;
const { click } = HTMLElement.prototype;
const { requestSubmit, reset } = HTMLFormElement.prototype;
const { showPicker } = HTMLInputElement.prototype;
const { exec } = RegExp.prototype;
const overflow = RangeError.prototype;
// Firefox's.
const recursion = window.InternalError?.prototype ?? overflow;
/** A fault is an answer; one for want of room on the stack is none, and goes on. */
const tolerate = (fault) => {
  const kind = prototypeOf(fault);
  if (kind === overflow || kind === recursion) throw fault;
};
/** What browsers read as an object: `document.all` is one, though it says of itself that it is none. */
const isThing = (value) => value !== null && value !== undefined && apply(indexOf, "object function undefined", [typeof value]) >= 0;
const trusted = Trusted?.prototype.toString;
// Where a page takes trusted text alone, a plain one is refused.
const empty = window.trustedTypes?.emptyHTML ?? "";
const { observe, disconnect } = MutationObserver.prototype;
const reads = (owner, names) => names.split(" ").map((name) => {
  const { get } = describe(owner, name);
  return (of) => apply(get, of, []);
});
const [originOf, hostOf, schemeOf] = reads(Address.prototype, "origin hostname protocol");
const [typeOf, stageOf, isPrevented, canStop, climbs] = reads(Event.prototype, "type eventPhase defaultPrevented cancelable bubbles");
const [isKept] = reads(PageTransitionEvent.prototype, "persisted");
const [kindOf, parentOf, isPlaced, baseOf, pageOf] = reads(Node.prototype, "nodeType parentNode isConnected baseURI ownerDocument");
const [addedOf, removedOf, targetOf, attributeOf, formerOf] = reads(MutationRecord.prototype, "addedNodes removedNodes target attributeName oldValue");
const [slotOf, namespaceOf, nameOf, treeOf] = reads(Element.prototype, "assignedSlot namespaceURI localName shadowRoot");
const [isTicked, formOfInput] = reads(HTMLInputElement.prototype, "checked form");
const [formOfButton] = reads(HTMLButtonElement.prototype, "form");
const [{ set: tick }, { set: doubt }] = ["checked", "indeterminate"].map((name) => describe(HTMLInputElement.prototype, name));
const [contentOf] = reads(HTMLTemplateElement.prototype, "content");
const [bearerOf] = reads(Attr.prototype, "ownerElement");
const [slotOfText] = reads(Text.prototype, "assignedSlot");
const [countOf] = reads(NodeList.prototype, "length");
const [ownerOf] = reads(ShadowRoot.prototype, "host");
const [viewOf] = reads(Document.prototype, "defaultView");
const [commonOf] = reads(Range.prototype, "commonAncestorContainer");
// Which of the kinds of ranges has it, browsers do not agree upon.
let kindOfRange = Range.prototype;
while (!describe(kindOfRange, "startContainer")) kindOfRange = prototypeOf(kindOfRange);
const [startOf] = reads(kindOfRange, "startContainer");
const [framesOf, elementOf, calledBy, isGone, aboveOf] = reads(window, "length frameElement name closed parent");
const [stepsOf] = reads(History.prototype, "length");
const { history, navigation: around } = window;
const { entries: placesOf, traverseTo } = around ? Navigation.prototype : {};
const [navigationOf] = around ? reads(window, "navigation") : [];
const [currentOf] = around ? reads(Navigation.prototype, "currentEntry") : [];
const [placeOf, keyOf] = around ? reads(NavigationHistoryEntry.prototype, "index key") : [];
const goalOf = around && reads(NavigateEvent.prototype, "destination")[0];
const isSaved = around && "downloadRequest" in NavigateEvent.prototype && reads(NavigateEvent.prototype, "downloadRequest")[0];
const urlOf = around && reads(NavigationDestination.prototype, "url")[0];
const { origin, hostname } = location;
const documentIn = { __proto__: null };
[documentIn.iframe] = reads(HTMLIFrameElement.prototype, "contentDocument");
[documentIn.frame] = reads(HTMLFrameElement.prototype, "contentDocument");
[documentIn.object] = reads(HTMLObjectElement.prototype, "contentDocument");
const XHTML = "http://www.w3.org/1999/xhtml";
const FRAMES = "iframe,frame,object,embed";
const nothing = () => {};
// Lists are without a prototype, as another script could put setters in that of lists.
const none = () => ({ __proto__: null, length: 0 });
/** All below a node that a selector names. */
const all = (node, selector) => apply({ __proto__: null, 1: within, 9: inPage, 11: inFragment }[kindOf(node)], node, [selector]);

// At most twenty facts a page, each once; of an address no more than its host, of that its last two parts: those before may be what was stolen.
const told = { __proto__: null };
let count = 0;
// A page that learns says the whole origin that it leads away to, so that staff can approve it; where it is held, no more than the above.
const LEADS = { __proto__: null, navigate: true, popup: true, window_open: true };
const tell = (kind, channel, host = "") => {
  const place = !stops && LEADS[channel] ? originsOf[host] : undefined;
  let at = host.length;
  for (let part = 0; part < 2 && at > 0; part += 1) at = apply(lastIndexOf, host, [".", at - 1]);
  host = apply(slice, host, [at + 1]);
  const key = `${kind} ${channel} ${place ?? host}`;
  if (told[key] || count === 20) return;
  told[key] = true;
  count += 1;
  const word = stringify({ __proto__: null, kind, channel, host });
  const body = place ? `[${word},${stringify({ __proto__: null, kind: "leads", origin: place })}]` : word;
  const headers = { __proto__: null, "content-type": "application/json" };
  try {
    apply(then, apply(send, window, [report, { __proto__: null, method: "POST", keepalive: true, headers, body }]), [nothing, nothing]);
  } catch { /* what is not told was stopped all the same */ }
};
const stop = (channel, host) => {
  tell(stops ? "blocked" : "seen", channel, host);
  return stops;
};

/** Of each foreign host that was met: where it is. */
const originsOf = { __proto__: null };
/**
 * The host that an address leads to, if that is neither the page's own nor approved. A mail or a call is the person's to send. A page made of
 * a `blob:` is the shop's by its origin, and has no guard.
 */
const foreign = (url, base) => {
  let address;
  try { address = new Address(url, base); } catch (fault) {
    tolerate(fault);
    return "";
  }
  const scheme = schemeOf(address);
  if (scheme === "blob:" || scheme === "javascript:") return scheme;
  const from = originOf(address);
  for (let at = 0; at < approved.length; at += 1) if (approved[at] === from) return "";
  if (from === origin || scheme === "mailto:" || scheme === "tel:") return "";
  const host = hostOf(address) || scheme;
  if (scheme === "https:" || scheme === "http:") originsOf[host] = from;
  return host;
};

// Near the end of the stack the browser would still put a frame in, and what looks after it there or behind that would fail: then that fails
// before. Each step takes 8 KiB, whatever a compiler makes of it. Putting a frame in takes twelve until its page is told of, and what runs for
// the first time is not read by V8 where less than forty are left.
const steps = none();
while (steps.length < 12) {
  const step = [steps.length];
  while (step.length < 1024) step[step.length] = 0;
  steps[steps.length++] = step;
}
const reserve = (left = steps.length) => { if (left) apply(reserve, undefined, steps[left - 1]); };
/** What brings frames in, hands their windows out or looks where something leads, each time it is called. */
const roomy = (around) => (native, self, args) => {
  if (stops) reserve();
  return around(native, self, args);
};
const oursFor = (native, name, around) => ({ [name](...args) { return around(native, this, args); } })[name];
/** Puts ours in the place of a native, and leaves all else as it was: whoever puts their own there has no way but ours to the browser's. */
const replace = (owner, name, around) => {
  const found = owner && describe(owner, name);
  if (!found?.configurable) return;
  const part = found.value ? "value" : found.set ? "set" : "get";
  defineProperty(owner, name, { __proto__: null, [part]: oursFor(found[part], name, around) });
};
/** The same; where the page is held it stands for good, and whoever sets it is told of, although what they set is called in its stead. */
const wrap = (owner, name, around) => {
  const found = owner && describe(owner, name);
  if (!found?.configurable) return;
  if (!stops) {
    replace(owner, name, around);
    return;
  }
  const ours = oursFor(found.value || found.set || found.get, name, around);
  let current = ours;
  const fixed = { __proto__: null, enumerable: found.enumerable, configurable: false, get: found.get || (() => current) };
  if (found.set) fixed.set = ours;
  else if (found.get) fixed.get = ours;
  else {
    fixed.set = function (value) {
      if (this === owner || this === undefined) {
        tell("tampered", "other");
        current = value;
      } else defineProperty(this, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
    };
  }
  defineProperty(owner, name, fixed);
};
