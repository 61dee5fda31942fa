"use strict";
(() => {
  const $ = id => document.getElementById(id);

  // The command that repeats the run.
  const copy = $("copy");
  if (copy) copy.addEventListener("click", async () => {
    const code = $(copy.dataset.copy);
    let done = false;
    try { await navigator.clipboard.writeText(code.textContent); done = true; } catch (e) {
      const range = document.createRange();
      range.selectNodeContents(code);
      const sel = getSelection();
      sel.removeAllRanges();
      sel.addRange(range);
      try { done = document.execCommand("copy"); } catch (e2) { /* it stays selected, to be copied by hand */ }
    }
    copy.textContent = done ? "Copied" : "Selected";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });

  // A link into a closed part opens it; a printed page shows everything.
  const openTarget = () => {
    const el = location.hash.length > 1 && $(decodeURIComponent(location.hash.slice(1)));
    if (el && el.tagName === "DETAILS") el.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();

  const raw = $("data");
  if (!raw) return;
  const data = JSON.parse(raw.textContent);
  const P = data.points, S = data.series, OUT = ["ok", "fail", "info"], SHAPES = ["●", "■", "▲", "◆"];
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ms = v => v == null ? "" : v < 1 ? +v.toFixed(3) + " ms" : v < 1000 ? +v.toFixed(v < 10 ? 1 : 0) + " ms" : +(v / 1000).toFixed(2) + " s";
  const sec = v => v == null ? "" : +v.toFixed(3) + " s";

  // Fault windows behind each chart: light from the command on, darker while a probe saw it.
  const inside = (u, draw) => {
    const { ctx } = u, b = u.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(b.left, b.top, b.width, b.height);
    ctx.clip();
    draw(ctx, b, t => u.valToPos(t, "x", true), devicePixelRatio || 1);
    ctx.restore();
  };
  const shade = u => inside(u, (ctx, b, x, dpr) => {
    for (const w of data.windows) for (const [from, to, fill] of [[w.cf, w.ct, "--commanded"], [w.of, w.ot, "--observed"]]) {
      if (from == null) continue;
      ctx.fillStyle = css(fill);
      ctx.fillRect(x(from), b.top, Math.max(x(to) - x(from), dpr), b.height);
    }
  });
  const label = u => inside(u, (ctx, b, x, dpr) => {
    ctx.font = `600 ${11 * dpr}px system-ui, "DejaVu Sans", sans-serif`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    let free = -1e9;
    if (data.final != null) {
      ctx.strokeStyle = ctx.fillStyle = css("--dim");
      ctx.lineWidth = dpr;
      ctx.setLineDash([1 * dpr, 3 * dpr]);
      ctx.beginPath();
      ctx.moveTo(x(data.final), b.top);
      ctx.lineTo(x(data.final), b.top + b.height);
      ctx.stroke();
      ctx.textAlign = "right";
      ctx.fillText("final phase →", x(data.final) - 4 * dpr, b.top + 3 * dpr);
      ctx.textAlign = "left";
    }
    for (const w of data.windows) {
      if (w.cf == null) continue;
      const never = w.of == null, ink = css(never ? "--invalid" : "--hard"), left = Math.max(x(w.cf), b.left) + 4 * dpr;
      ctx.lineWidth = dpr;
      ctx.strokeStyle = ink;
      ctx.setLineDash([4 * dpr, 3 * dpr]);
      for (const t of [w.cf, w.ct]) {
        ctx.beginPath();
        ctx.moveTo(x(t), b.top);
        ctx.lineTo(x(t), b.top + b.height);
        ctx.stroke();
      }
      for (const text of [w.id + " " + w.fault + (never ? ": never observed" : ""), w.id + (never ? ": never" : ""), w.id]) {
        const size = ctx.measureText(text).width;
        if (size > x(w.ct) - left || left < free) continue;
        ctx.fillStyle = css("--card");
        ctx.globalAlpha = 0.8;
        ctx.fillRect(left - 2 * dpr, b.top + 2 * dpr, size + 4 * dpr, 14 * dpr);
        ctx.globalAlpha = 1;
        ctx.fillStyle = ink;
        ctx.fillText(text, left, b.top + 3 * dpr);
        free = left + size + 6 * dpr;
        break;
      }
    }
  });

  let charts = [], busy = false;
  const follow = (u, key) => { // one zoom for all charts
    if (key !== "x" || busy) return;
    busy = true;
    const { min, max } = u.scales.x;
    for (const c of charts) if (c !== u && (c.scales.x.min !== min || c.scales.x.max !== max)) c.setScale("x", { min, max });
    busy = false;
  };
  const all = { min: 0, max: Math.max(data.last, 0.001) };
  const options = (el, height, y, series, more) => ({
    width: Math.max(el.clientWidth, 240), height, series, legend: { show: false }, padding: [10, 12, 0, 0],
    cursor: { sync: { key: "partita", setSeries: false }, drag: { x: true, y: false, uni: 8 }, points: { show: false } },
    scales: { x: { time: false, range: (u, lo, hi) => lo == null || hi <= lo ? [all.min, all.max] : [lo, hi] }, y },
    axes: [
      { stroke: () => css("--dim"), grid: { stroke: () => css("--grid") }, ticks: { stroke: () => css("--grid") }, size: 34, space: 70, values: (u, vs) => vs.map(v => v == null ? "" : +v.toFixed(3) + " s") },
      { stroke: () => css("--dim"), grid: { stroke: () => css("--grid") }, ticks: { stroke: () => css("--grid") }, size: 62, values: more.values },
    ],
    hooks: { drawClear: [shade], draw: [label], setScale: [follow], setCursor: more.setCursor ? [more.setCursor] : [], ready: [u => u.over.addEventListener("dblclick", () => u.setScale("x", all))] },
  });
  const logY = { distr: 3, log: 10, range: (u, lo, hi) => lo == null ? [1, 1000] : [lo / 1.4, hi * 2] };

  // Latency: colour by outcome, shape by kind of operation.
  const groups = [];
  for (let f = 0; f < data.fs.length; f++) for (let o = 0; o < 3; o++) {
    if (!data.counts[f][o]) continue;
    groups.push({ f, o, col: P.l.map((v, i) => P.f[i] === f && P.o[i] === o ? v : null), show: true });
  }
  const shape = (path, kind, x, y, r) => {
    switch (kind % 4) {
      case 0: path.moveTo(x + r, y); path.arc(x, y, r, 0, 2 * Math.PI); break;
      case 1: path.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8); break;
      case 2: path.moveTo(x, y - r * 1.2); path.lineTo(x + r * 1.1, y + r * 0.8); path.lineTo(x - r * 1.1, y + r * 0.8); path.closePath(); break;
      default: path.moveTo(x, y - r * 1.3); path.lineTo(x + r * 1.3, y); path.lineTo(x, y + r * 1.3); path.lineTo(x - r * 1.3, y); path.closePath();
    }
  };
  const dots = g => (u, si, i0, i1) => {
    const fill = new Path2D(), r = (g.o === 0 ? (P.shown > 5000 ? 1.6 : 2.2) : 3) * (devicePixelRatio || 1), xs = u.data[0], ys = u.data[si];
    for (let i = i0; i <= i1; i++) if (ys[i] != null) shape(fill, g.f, u.valToPos(xs[i], "x", true), u.valToPos(ys[i], "y", true), r);
    return { fill, stroke: null, flags: 0 };
  };
  const tip = $("tip"), hover = $("hover");
  let near = -1, pinned = -1;
  const words = i => `${P.x[i]} · ${OUT[P.o[i]]} · called at ${sec(P.t[i])}, took ${ms(P.l[i])}`;
  const hideTip = () => { tip.hidden = true; near = -1; };
  const find = u => {
    const { left, top } = u.cursor;
    if (left == null || left < 0 || u.cursor.event == null) return -1;
    const shown = groups.reduce((m, g) => { if (g.show) m.add(g.f * 3 + g.o); return m; }, new Set());
    const lo = u.posToVal(left - 10, "x"), hi = u.posToVal(left + 10, "x");
    let a = 0, b = P.t.length;
    while (a < b) { const m = (a + b) >> 1; if (P.t[m] < lo) a = m + 1; else b = m; }
    let best = 144, at = -1;
    for (; a < P.t.length && P.t[a] <= hi; a++) {
      if (!shown.has(P.f[a] * 3 + P.o[a])) continue;
      const dx = u.valToPos(P.t[a], "x") - left, dy = u.valToPos(P.l[a], "y") - top, d = dx * dx + dy * dy - (P.o[a] ? 20 : 0);
      if (d < best) { best = d; at = a; }
    }
    return at;
  };
  const point = u => {
    const e = u.cursor.event;
    const i = u === charts[0] && e && u.over.contains(e.target) ? find(u) : -1;
    if (i < 0) { hideTip(); return; }
    near = i;
    tip.textContent = words(i);
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(innerWidth - w - 4, e.clientX + 14)) + "px";
    tip.style.top = (e.clientY + h + 24 > innerHeight ? e.clientY - h - 10 : e.clientY + 16) + "px";
  };
  const pin = i => {
    pinned = i;
    hover.textContent = words(i);
    hover.classList.add("pinned");
  };

  const line = (name, colour, width) => ({ label: name, stroke: () => css(colour), width, points: { show: false }, spanGaps: false });
  const lonely = s => ({ ...s, points: { show: true, size: 4, fill: s.stroke, filter: (u, si) => { // a value between two gaps has no line
    const ys = u.data[si], at = [];
    for (let i = 0; i < ys.length; i++) if (ys[i] != null && ys[i - 1] == null && ys[i + 1] == null) at.push(i);
    return at;
  } } });
  const readout = (id, names, cols, fmt) => u => {
    const i = u.cursor.idx;
    $(id).textContent = i == null || u.cursor.left < 0 ? "" : `at ${sec(S.t[i])}: ` + names.map((n, k) => `${n} ${cols[k][i] == null ? "–" : fmt(cols[k][i])}`).join(", ");
  };
  const build = () => {
    for (const c of charts) c.destroy();
    charts = [];
    const make = (id, height, y, series, cols, more) => {
      const el = $(id);
      charts.push(new uPlot(options(el, height, y, series, more), cols, el));
    };
    make("chart-latency", 330, logY, [{}, ...groups.map(g => ({ show: g.show, label: data.fs[g.f] + " " + OUT[g.o], paths: dots(g), fill: () => css("--" + OUT[g.o]) + (g.o === 0 ? "b0" : ""), points: { show: false } }))],
      [P.t, ...groups.map(g => g.col)], { values: (u, vs) => vs.map(ms), setCursor: point });
    make("chart-rate", 190, { range: (u, lo, hi) => [0, Math.max(1, (hi || 0) * 1.12)] }, [{}, line("ok", "--ok", 2), line("fail", "--fail", 2), line("info", "--info", 2)],
      [S.t, S.ok, S.fail, S.info], { values: (u, vs) => vs.map(v => v + " /s"), setCursor: readout("out-rate", OUT, [S.ok, S.fail, S.info], v => +v.toFixed(1) + "/s") });
    make("chart-quantiles", 230, logY, [{}, lonely(line("p50", "--q1", 2)), lonely(line("p95", "--q2", 1.5)), lonely(line("p99", "--q3", 1.5)), lonely(line("max", "--q4", 1))],
      [S.t, S.p50, S.p95, S.p99, S.max], { values: (u, vs) => vs.map(ms), setCursor: readout("out-quantiles", ["p50", "p95", "p99", "max"], [S.p50, S.p95, S.p99, S.max], ms) });
    charts[0].setScale("x", all);
    charts[0].over.addEventListener("mouseleave", hideTip);
    charts[0].over.addEventListener("click", () => { if (near >= 0) pin(near); });
    document.documentElement.dataset.charts = charts.length;
  };

  const toggles = $("toggles");
  groups.forEach((g, i) => {
    const b = document.createElement("button"), mark = document.createElement("span");
    b.type = "button";
    b.setAttribute("aria-pressed", "true");
    mark.textContent = SHAPES[g.f % 4];
    mark.style.color = `var(--${OUT[g.o]})`;
    mark.setAttribute("aria-hidden", "true");
    b.append(mark, `${data.fs[g.f]} ${OUT[g.o]} (${data.counts[g.f][g.o].toLocaleString("en")})`);
    b.addEventListener("click", () => {
      g.show = !g.show;
      b.setAttribute("aria-pressed", String(g.show));
      charts[0].setSeries(i + 1, { show: g.show });
    });
    toggles.append(b);
  });
  for (const id of ["chart-latency", "chart-rate", "chart-quantiles"]) $(id).addEventListener("keydown", e => {
    const { min, max } = charts[0].scales.x, w = max - min, mid = (min + max) / 2;
    let to = null;
    if (e.key === "+" || e.key === "=") to = [mid - w / 4, mid + w / 4];
    else if (e.key === "-") to = [mid - w, mid + w];
    else if (e.key === "ArrowLeft") to = [min - w / 4, max - w / 4];
    else if (e.key === "ArrowRight") to = [min + w / 4, max + w / 4];
    else if (e.key === "0" || e.key === "Escape") to = [all.min, all.max];
    if (!to || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    const width = Math.min(to[1] - to[0], all.max - all.min), from = Math.max(all.min, Math.min(to[0], all.max - width));
    for (const c of charts) c.setScale("x", { min: from, max: from + width });
  });

  build();
  const fit = new ResizeObserver(() => {
    for (const c of charts) {
      const width = Math.max(c.root.parentElement.clientWidth, 240);
      if (width !== c.width) c.setSize({ width, height: c.height });
    }
  });
  fit.observe($("timeline"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach(d => { d.open = true; });
    document.documentElement.classList.add("paper");
    build();
  });
  addEventListener("afterprint", () => {
    closed.forEach(d => { d.open = false; });
    document.documentElement.classList.remove("paper");
    build();
  });
})();
