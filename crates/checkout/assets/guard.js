// The guard of a paying page: runs before anything else on it. So far it reads its settings only.
(() => {
  const own = document.currentScript;
  if (!own || window.__storewardGuard) return;
  Object.defineProperty(window, "__storewardGuard", { value: true });
})();
