// Put before every page by tests/harness/page_checks.rs, after axe-core: measures what WCAG 2.2 and the size and calm of a page ask for.
// Each function gives a list of sentences, one a fault.
"use strict";
window.pageChecks = (() => {
  let shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });

  const visible = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ visibilityProperty: true });
  };
  const name = (element) => {
    const short = element.cloneNode(false).outerHTML.slice(0, 160);
    const text = (element.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return text ? `${short} "${text}"` : short;
  };

  // The success criteria of WCAG 2.0, 2.1 and 2.2, levels A and AA, as axe-core knows them; 2.5.8 (target size) is off there by default.
  const axeFaults = async () => {
    if (!window.axe) return ["axe-core is not there to judge the page: run scripts/node-packages"];
    const result = await window.axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
      rules: { "target-size": { enabled: true } },
      resultTypes: ["violations"],
    });
    return result.violations.flatMap((violation) => violation.nodes.map((node) => {
      const why = (node.any[0] || node.all[0] || node.none[0] || { message: "" }).message;
      return `axe ${violation.id}: ${node.html.slice(0, 200)} (${why})`;
    }));
  };

  // WCAG 1.4.10: nothing is scrolled to the side but tables and pictures in a frame of their own.
  const sideways = () => {
    const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (over <= 0) return [];
    const edge = document.documentElement.clientWidth;
    const wide = [...document.body.querySelectorAll("*")].filter((element) => visible(element) && element.getBoundingClientRect().right > edge + 0.5);
    return [`${over} px wider than the screen: ${wide.slice(-3).map(name).join(", ")}`];
  };

  // WCAG 1.4.4: text at twice the size is neither cut off nor pushed out of the page.
  const zoomed = () => {
    const root = document.documentElement;
    const before = root.style.fontSize;
    root.style.fontSize = `${parseFloat(getComputedStyle(root).fontSize) * 2}px`;
    const cut = [...document.body.querySelectorAll("*")].filter((element) => {
      if (!visible(element) || !/\S/.test(element.textContent)) return false;
      const style = getComputedStyle(element);
      if (style.clipPath !== "none" || style.position === "absolute") return false;
      const hides = (value) => value === "hidden" || value === "clip";
      return (hides(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
        || (hides(style.overflowY) && element.scrollHeight > element.clientHeight + 1);
    });
    const faults = sideways().concat(cut.map((element) => `cut off: ${name(element)}`));
    root.style.fontSize = before;
    return faults.map((fault) => `text at 200 %: ${fault}`);
  };

  // What was loaded, as it came over the line.
  const weight = () => {
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return entries.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
  };

  // WCAG 2.1.1, 2.1.2, 2.4.3, 2.4.7: the keys were pressed; what had the focus, in which order, and could it be seen?
  let road = [];
  const expected = () => {
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
    const groups = new Set();
    return all.filter((element) => {
      if (element.disabled || element.tabIndex < 0 || !visible(element) || element.type === "hidden") return false;
      if (element.type !== "radio") return true;
      // A group of radio buttons is one stop.
      const group = `${element.name} ${element.form ? [...document.forms].indexOf(element.form) : -1}`;
      const checked = document.querySelector(`input[type=radio][name="${element.name}"]:checked`);
      if (groups.has(group) || (checked && checked !== element && checked.form === element.form)) return false;
      groups.add(group);
      return true;
    });
  };
  document.addEventListener("focusin", (event) => {
    const element = event.target;
    const seen = [element, element.parentElement].some((one) => {
      const style = one && getComputedStyle(one);
      return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });
    const box = element.getBoundingClientRect();
    road.push({ element, seen, inside: box.bottom > 0 && box.top < innerHeight });
  });
  const beforeKeys = () => {
    const stops = expected();
    if (document.activeElement) document.activeElement.blur();
    window.scrollTo(0, 0);
    road = [];
    // A page that put the cursor beside what was wrong would go on from there: the road begins at the first stop.
    if (stops[0]) stops[0].focus();
    // Day, month, year and calendar of a date are stops of their own.
    return stops.length + 3 * stops.filter((stop) => stop.type === "date").length;
  };
  const afterKeys = () => {
    const wanted = expected();
    const visited = road.map((stop) => stop.element);
    const faults = wanted.filter((element) => !visited.includes(element)).map((element) => `never has the focus: ${name(element)}`);
    for (const stop of road) if (!stop.seen) faults.push(`focus cannot be seen: ${name(stop.element)}`);
    for (const stop of road) if (!stop.inside) faults.push(`has the focus outside of the screen: ${name(stop.element)}`);
    // Order of focus is order of reading.
    const first = wanted.filter((element) => visited.includes(element));
    const order = [...new Set(visited)].filter((element) => wanted.includes(element));
    const wrong = order.findIndex((element, at) => element !== first[at]);
    if (wrong >= 0) faults.push(`focus out of order: ${name(order[wrong])}`);
    return faults;
  };

  return { axeFaults, sideways, zoomed, weight, shift: () => shifted, beforeKeys, afterKeys };
})();
