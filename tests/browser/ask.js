// What the tests ask a page. Every function returns a list of complaints: short strings, none when all is well.
// ask.open() unfolds what is folded, so that all of it is looked at.
globalThis.ask = (() => {
  "use strict";
  const LARGE = 24, LARGE_BOLD = 18.66, BOLD = 700; // pixels, as WCAG 2.2 has it (18 and 14 points)
  const HALO = 3; // pixels of stroke that make a ground of their own around letters

  const colour = (text) => {
    const parts = (text.match(/[\d.]+/g) || []).map(Number);
    return text.startsWith("rgb") ? { r: parts[0], g: parts[1], b: parts[2], a: parts[3] ?? 1 } : null;
  };
  const over = (top, under) => {
    const mix = (name) => top[name] * top.a + under[name] * (1 - top.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const luminance = ({ r, g, b }) => {
    const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const lineage = (element) => element ? [element, ...lineage(element.parentElement)] : [];
  const opacity = (element) => lineage(element).reduce((all, one) => all * Number(getComputedStyle(one).opacity), 1);
  const paper = () => matchMedia("(prefers-color-scheme: dark)").matches ? { r: 18, g: 18, b: 18, a: 1 }
    : { r: 255, g: 255, b: 255, a: 1 };
  const stacked = (colours) => colours.filter((one) => one && one.a > 0)
    .reduceRight((under, top) => over(top, under), paper());
  const name = (element) => {
    const owner = element.closest("[id]"), text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
    const kind = element.getAttribute("class") || "";
    return `${element.tagName.toLowerCase()}${kind && "."}${kind.replace(/ /g, ".")} in #${owner?.id}: ${text}`;
  };

  // What is behind an element that is not drawn: backgrounds up to the page's own.
  const ground = (element) => stacked(lineage(element).map((one) => colour(getComputedStyle(one).backgroundColor)));

  // What is behind a letter of a drawing: its halo, or what has been painted at its middle.
  const drawn = (element) => {
    const style = getComputedStyle(element), stroke = colour(style.stroke);
    if (stroke && style.paintOrder.startsWith("stroke") && parseFloat(style.strokeWidth) >= HALO) { return stroke; }
    element.scrollIntoView({ block: "center", inline: "nearest" });
    const box = element.getBoundingClientRect();
    const there = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const found = [];
    for (const one of there.slice(there.indexOf(element) + 1)) {
      if (one.closest("svg")) {
        if (/^(rect|circle|path)$/.test(one.tagName)) {
          const its = getComputedStyle(one), fill = colour(its.fill);
          if (fill) { found.push({ ...fill, a: fill.a * Number(its.fillOpacity) * Number(its.opacity) }); }
        }
      } else {
        return stacked([...found, ground(one)]);
      }
    }
    return stacked(found);
  };

  // Pieces of text that can be seen: the element they stand in, what they say, where.
  const texts = () => {
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, element = node.parentElement, range = document.createRange();
      if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true })) { continue; }
      if (lineage(element).some((one) => getComputedStyle(one).clipPath !== "none")) { continue; } // for ears alone
      range.selectNodeContents(node);
      const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
      if (boxes.length) { found.push({ element, boxes, said: node.data.trim() }); }
    }
    return found;
  };

  const contrast = () => texts().flatMap(({ element }) => {
    const style = getComputedStyle(element), inside = element.closest("svg");
    const ink = colour(inside ? style.fill : style.color);
    const behind = inside ? drawn(element) : ground(element);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= BOLD;
    const needed = size >= LARGE || (bold && size >= LARGE_BOLD) ? 3 : 4.5;
    const found = ratio(over({ ...ink, a: ink.a * opacity(element) }, behind), behind);
    return found >= needed ? [] : [`${found.toFixed(2)} of ${needed}: ${name(element)}`];
  });

  const scrolls = (element) => lineage(element).some((one) =>
    one !== document.documentElement && one !== document.body && /auto|scroll/.test(getComputedStyle(one).overflowX));

  // What lies beyond the left or right edge and cannot be scrolled to in a part of its own.
  const outside = () => {
    const width = document.documentElement.clientWidth, wide = document.documentElement.scrollWidth;
    const beyond = texts().filter(({ element, boxes }) =>
      boxes.some((box) => box.right > width + 0.5 || box.left < -0.5) && !scrolls(element));
    const whole = wide > width ? [`the page is ${wide} px wide on ${width}`] : [];
    return [...whole, ...beyond.map(({ element }) => name(element))];
  };

  // Labels of one figure that lie on each other.
  const overlaps = () => [...document.querySelectorAll("svg.chart")].flatMap((figure) => {
    const labels = [...figure.querySelectorAll("text")].filter((one) => one.checkVisibility() && one.textContent);
    const boxes = labels.map((one) => one.getBoundingClientRect());
    const apart = (a, b) => a.right - 1 <= b.left || b.right - 1 <= a.left || a.bottom - 3 <= b.top || b.bottom - 3 <= a.top;
    return labels.flatMap((one, index) => labels.slice(index + 1)
      .filter((_, more) => !apart(boxes[index], boxes[index + 1 + more]))
      .map((other) => `“${one.textContent}” on “${other.textContent}” in ${name(figure)}`));
  });

  const INTERACTIVE = "a[href], button, summary, input, select, textarea, [tabindex='0']";
  const interactive = () => [...document.querySelectorAll(INTERACTIVE)].filter((one) => one.checkVisibility());
  const mark = () => interactive().map((one, number) => { one.dataset.asked = number; return name(one); });

  // Where the focus is, and what is wrong with how it shows.
  const focused = () => {
    const element = document.activeElement;
    if (!element || element === document.body || element.dataset.asked === undefined) { return null; }
    const style = getComputedStyle(element), box = element.getBoundingClientRect(), wrong = [];
    const ring = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    if (ring < 2) { wrong.push(`no ring around ${name(element)}`); }
    else if (ratio(colour(style.outlineColor), ground(element.parentElement)) < 3) {
      wrong.push(`ring hardly seen around ${name(element)}`);
    }
    const bar = document.querySelector(".topbar")?.getBoundingClientRect().bottom ?? 0;
    const hidden = !element.closest(".topbar") && box.bottom <= bar;
    if (hidden || box.top >= innerHeight || box.bottom <= 0) { wrong.push(`out of sight: ${name(element)}`); }
    return { number: Number(element.dataset.asked), wrong };
  };

  const untitled = () => [...document.querySelectorAll("table")].filter((table) => !(
    table.caption || table.ariaLabel || table.closest("[role=region][aria-label]")
    || /^H[2-6]$/.test(table.previousElementSibling?.tagName ?? "")
  )).map(name);

  const headless = () => [...document.querySelectorAll("th")].filter((one) => one.textContent.trim() && !one.scope)
    .map(name);

  // Headings that skip a level.
  const jumps = () => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((one) => [Number(one.tagName[1]), one]);
    return levels.filter(([level], index) => index && level > levels[index - 1][0] + 1).map(([, one]) => name(one));
  };

  // Parts that hold more than they show.
  const clipped = () => [...document.querySelectorAll("body *")].filter((one) =>
    /auto|scroll|hidden|clip/.test(getComputedStyle(one).overflow) && one.checkVisibility()
    && !lineage(one).some((each) => getComputedStyle(each).clipPath !== "none")
    && (one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1)).map(name);

  const folded = () => [...document.querySelectorAll("details > :not(summary)")]
    .filter((one) => one.textContent.trim() && !one.checkVisibility()).map(name);

  const smallest = () => Math.min(...texts().map(({ element }) => parseFloat(getComputedStyle(element).fontSize)));

  const open = () => document.querySelectorAll("details").forEach((one) => { one.open = true; });

  return { clipped, contrast, focused, folded, headless, jumps, mark, open, outside, overlaps, smallest, untitled };
})();
