"use strict";
// Everything works without this: it only saves the way through a whole new page, and follows
// what is still running.
(() => {
  const main = () => document.querySelector("main");
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  let latest = 0;

  const all = (node, css) => [...node.querySelectorAll(css)];
  const FOLDED = "details[id]";
  const SCROLLED = "#graph, .scroll, .data, .panel";
  const FOCUSED = "a, summary, [tabindex]";

  // What a person has done on the page and would miss on a new one.
  const kept = (node) => ({
    open: new Map(all(node, FOLDED).map((own) => [own.id, own.open])),
    scroll: all(node, SCROLLED).map((own) => [own.scrollLeft, own.scrollTop]),
    place: all(node, FOCUSED).indexOf(document.activeElement),
    link: document.activeElement.getAttribute("href"),
  });

  const restore = (node, state) => {
    for (const own of all(node, FOLDED)) {
      if (state.open.has(own.id)) own.open = state.open.get(own.id);
    }
    all(node, SCROLLED).forEach((own, at) => {
      if (state.scroll[at]) [own.scrollLeft, own.scrollTop] = state.scroll[at];
    });
    if (state.place < 0) return;
    const focused = all(node, FOCUSED);
    const same = state.link && focused.find((own) => own.getAttribute("href") === state.link);
    (same || focused[state.place])?.focus({ preventScroll: true });
  };

  const load = async (url) => {
    const turn = ++latest;
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    const page = parse(await answer.text());
    const next = page.querySelector("main");
    if (turn !== latest || !next) return false;
    document.title = page.title;
    if (next.outerHTML === main().dataset.shown) return true;
    const state = kept(main());
    const shown = next.outerHTML;
    main().replaceWith(document.adoptNode(next));
    main().dataset.shown = shown;
    restore(main(), state);
    return true;
  };

  const reveal = (hash) => {
    const target = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target) return;
    const box = target.getBoundingClientRect();
    if (box.top < 0 || box.top > innerHeight - 80) target.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("click", (click) => {
    const link = click.target.closest("a[data-swap]");
    const elsewhere = click.ctrlKey || click.metaKey || click.shiftKey || click.altKey;
    if (!link || click.button || elsewhere) return;
    click.preventDefault();
    const url = new URL(link.getAttribute("href"), location.href);
    load(url).then((done) => {
      if (!done) return;
      history.pushState(null, "", url);
      reveal(url.hash);
    }).catch(() => location.assign(url));
  });
  addEventListener("popstate", () => load(location.href).catch(() => location.reload()));

  // Not while somebody reads with a selection, or looks elsewhere.
  const follow = () => {
    const busy = document.hidden || !getSelection().isCollapsed;
    const idle = busy || !main().hasAttribute("data-live");
    const done = idle ? Promise.resolve() : load(location.href).catch(() => {});
    done.then(() => setTimeout(follow, 1000));
  };
  setTimeout(follow, 1000);
})();
