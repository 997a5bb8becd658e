// The page is whole without this. With it: values under the pointer, toggles, and findings that light up
// together with their boxes and statements.
for (const panel of document.querySelectorAll(".panel")) {
  const svg = panel.querySelector("svg"), cursor = panel.querySelector(".cursor");
  const d = panel.dataset, x0 = +d.x0, x1 = +d.x1, left = +d.left, right = +d.right;
  const series = [...panel.querySelectorAll("li[data-points]")].map(li => ({
    out: li.querySelector("b"), last: li.querySelector("b").textContent,
    points: li.dataset.points.split(" ").map(p => p.split(":")).map(([x, y]) => [+x, y]),
  }));
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const want = x0 + (at - left) / (right - left) * (x1 - x0);
    let near = null;
    for (const s of series) for (const [x] of s.points)
      if (near === null || Math.abs(x - want) < Math.abs(near - want)) near = x;
    const px = left + (near - x0) / (x1 - x0) * (right - left);
    cursor.setAttribute("x1", px); cursor.setAttribute("x2", px);
    panel.classList.add("live");
    for (const s of series) {
      const hit = s.points.find(([x]) => x === near);
      s.out.textContent = (hit ? hit[1] : "–") + " @ " + near;
    }
  });
  svg.addEventListener("pointerleave", () => {
    panel.classList.remove("live");
    for (const s of series) s.out.textContent = s.last;
  });
}
for (const box of document.querySelectorAll("input[data-toggle]")) {
  const apply = () => document.body.classList.toggle("no-" + box.dataset.toggle, !box.checked);
  box.addEventListener("change", apply);
  apply();
}
const words = text => (text || "").split(" ").filter(Boolean);
for (const item of document.querySelectorAll("[data-d]")) {
  const artifact = item.closest(".artifact");
  if (!artifact) continue;
  const mine = new Set(words(item.dataset.e));
  const partners = [
    ...artifact.querySelectorAll(`[data-d="${item.dataset.d}"]`),
    ...[...artifact.querySelectorAll(".ln .s")].filter(s => words(s.dataset.e).some(e => mine.has(e))),
  ];
  item.addEventListener("pointerenter", () => partners.forEach(p => p.classList.add("hot")));
  item.addEventListener("pointerleave", () => partners.forEach(p => p.classList.remove("hot")));
}
