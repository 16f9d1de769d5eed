(function () {
  "use strict";
  var root = document.documentElement, key = "query-engine-report-theme";
  function stored() { try { return localStorage.getItem(key); } catch (error) { return null; } }
  function store(value) { try { localStorage.setItem(key, value); } catch (error) { return; } }
  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  root.classList.add("js");
  if (stored() === "dark" || stored() === "light") { root.dataset.theme = stored(); }

  document.addEventListener("DOMContentLoaded", function () {
    var theme = document.getElementById("theme");
    function label() { theme.textContent = isDark() ? "Light theme" : "Dark theme"; }
    theme.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      store(root.dataset.theme);
      label();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
    label();

    document.querySelectorAll("button[data-opens]").forEach(function (button) {
      button.addEventListener("click", function () {
        var all = document.querySelectorAll("#" + button.dataset.opens + " details.evidence");
        var open = button.getAttribute("aria-pressed") !== "true";
        all.forEach(function (item) { item.open = open; });
        button.setAttribute("aria-pressed", String(open));
        button.textContent = open ? "Close all evidence" : "Open all evidence";
      });
    });

    document.querySelectorAll("svg.timeline").forEach(cursor);
  });

  // The moment under the pointer, read off the timeline's own scale.
  function cursor(svg) {
    var low = Number(svg.dataset.low), high = Number(svg.dataset.high), space = svg.namespaceURI;
    var line = null, text = null;
    function leave() { if (line) { line.remove(); text.remove(); line = text = null; } }
    function move(event) {
      var box = svg.getBoundingClientRect(), style = getComputedStyle(svg);
      var left = parseFloat(style.paddingLeft), width = box.width - left - parseFloat(style.paddingRight);
      var at = (event.clientX - box.left - left) / width;
      if (at < 0 || at > 1) { leave(); return; }
      if (!line) {
        line = svg.appendChild(document.createElementNS(space, "line"));
        text = svg.appendChild(document.createElementNS(space, "text"));
        line.setAttribute("class", "cursor");
        text.setAttribute("class", "cursor-label");
      }
      var bottom = box.height - 22;
      line.setAttribute("x1", at * 100 + "%"); line.setAttribute("x2", at * 100 + "%");
      line.setAttribute("y1", 0); line.setAttribute("y2", bottom);
      text.setAttribute("x", at * 100 + "%"); text.setAttribute("y", bottom - 52);
      text.setAttribute("text-anchor", at > 0.5 ? "end" : "start");
      text.setAttribute("dx", at > 0.5 ? -6 : 6);
      text.textContent = (low + at * (high - low)).toFixed(2) + " s";
    }
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerleave", leave);
  }
})();
