// Replay of rollouts in three dimensions: the body as the controller moved it, the reference it should follow, muscles
// coloured by activation. Everything it shows is in the element #replay-data; nothing is fetched. Here are the numbers
// beside the picture, time, and what a reader does; picture.js draws.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  if (!$("replay-data")) return;
  const scene = JSON.parse($("replay-data").textContent);
  const MISSING = -32768;
  const clips = scene.clips.map((clip) => ({ ...clip, frames: words(clip.data) }));
  const home = { ...scene.view, zoom: 1 };
  const state = { clip: scene.first, step: 0, at: 0, playing: false, speed: 0.1, view: { ...home } };
  const shown = () => clips[state.clip];
  const duration = () => (shown().steps - 1) / scene.rate_hz;

  function words(base64) {
    const raw = atob(base64), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new Int16Array(bytes.buffer); // little-endian, as every browser's machine is
  }

  /** Numbers of one kind (`body`, `activation`, …) at a step of the clip that is shown; NaN is missing. */
  function read(kind, step) {
    const { at, of, unit } = scene.columns[kind], out = new Float32Array(of);
    const from = step * scene.width + at, frames = shown().frames;
    for (let i = 0; i < of; i++) out[i] = frames[from + i] === MISSING ? NaN : frames[from + i] * unit;
    return out;
  }

  const canvas = $("replay-canvas");
  const { reach, refresh, renderer, tone } = mimicPicture(canvas, scene, state, read, words);

  // ---- numbers beside the picture

  const rows = []; // {value, kind, index} of each line of the panel
  let lines = 0;
  function strip(levels) {
    const made = document.createElement("canvas"), pen = made.getContext("2d");
    [made.width, made.height] = [levels.length, 1];
    levels.forEach((level, i) => { pen.fillStyle = level === level ? tone(level) : "#8888"; pen.fillRect(i, 0, 1, 1); });
    return made;
  }
  function curve(levels, most) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS(made.namespaceURI, "path");
    const n = Math.max(levels.length - 1, 1);
    let path = "", pen = "M";
    levels.forEach((v, i) => {
      if (v === v) path += `${pen}${((100 * i) / n).toFixed(2)} ${(19 - (18 * v) / most).toFixed(2)}`;
      pen = v === v ? "L" : "M";
    });
    made.setAttribute("viewBox", "0 0 100 20");
    made.setAttribute("preserveAspectRatio", "none");
    line.setAttribute("d", path);
    made.append(line);
    return made;
  }
  function row(name, course, index, kind) {
    const label = document.createElement("span"), value = document.createElement("span");
    [label.textContent, label.className, label.title, value.className] = [name, "name", name, "value"];
    course.setAttribute("class", "course");
    course.setAttribute("aria-hidden", "true");
    line(label, course, value);
    rows.push({ value, index, kind });
  }
  function heading(words) {
    const made = document.createElement("span");
    [made.textContent, made.className] = [words, "heading"];
    line(made);
  }
  function line(...cells) { // in a row of its own, which the cursor lies over
    lines += 1;
    for (const cell of cells) cell.style.gridRow = lines;
    $("replay-rows").append(...cells);
  }
  function panel() {
    $("replay-rows").replaceChildren($("replay-cursor"));
    rows.length = lines = 0;
    const every = (kind, i) => Array.from({ length: shown().steps }, (_, step) => read(kind, step)[i]);
    const errors = scene.keypoints.map((_, i) => every("error", i));
    const most = Math.max(...errors.flat().filter((v) => v === v), 1e-9);
    const moving = scene.keypoints.map((k, i) => [k, i]).filter(([k]) => !k.fixed);
    if (moving.length) heading(`Distance to reference (curve, 0–${most.toPrecision(2)}) · to tracked, mm`);
    moving.forEach(([k, i]) => row(k.name, curve(errors[i], most), i, "error"));
    if (scene.actuators.length) heading(scene.signed ? "Activation (−1 to 1)" : "Activation (0 to 1)");
    scene.actuators.forEach((name, i) => row(name, strip(every("activation", i)), i, "activation"));
    $("replay-cursor").style.gridRow = `1 / ${lines + 1}`;
  }
  const digits = (v) => (v === v ? v.toFixed(Math.abs(v) < 10 ? 2 : 1) : "–");
  function numbers() {
    const error = read("error", state.step), tracked = read("tracked_error", state.step), activation = read("activation", state.step);
    for (const { value, index, kind } of rows) {
      value.textContent = kind === "error" ? `${digits(error[index])} · ${digits(tracked[index])}` : digits(activation[index]);
      if (kind === "activation") value.style.setProperty("--level", `${100 * Math.min(Math.abs(activation[index]) || 0, 1)}%`);
    }
    const last = Math.max(shown().steps - 1, 1), ms = (1e3 * state.step) / scene.rate_hz;
    $("replay-line").style.left = `${(100 * state.step) / last}%`;
    $("replay-time").value = state.step;
    $("replay-time").setAttribute("aria-valuetext", `${ms.toFixed(1)} milliseconds`);
    $("replay-clock").textContent = `${ms.toFixed(1)} / ${(1e3 * duration()).toFixed(1)} ms`;
  }

  // ---- time

  function show(step) {
    state.step = Math.min(Math.max(step, 0), shown().steps - 1);
    numbers();
    refresh();
  }
  function seek(seconds) {
    state.at = Math.min(Math.max(seconds, 0), duration());
    show(Math.round(state.at * scene.rate_hz));
  }
  function steps(by) {
    pause();
    seek((state.step + by) / scene.rate_hz);
  }
  function select(which) {
    const index = typeof which === "number" ? which : clips.findIndex((c) => c.name === which);
    if (!clips[index]) throw new RangeError(`no clip ${which}`);
    state.clip = index;
    $("replay-clip").value = index;
    $("replay-time").max = shown().steps - 1;
    panel();
    seek(0);
  }
  let before = 0;
  function tick(now) {
    if (!state.playing) return;
    const next = state.at + (Math.max(now - before, 0) / 1e3) * state.speed;
    before = now;
    seek(next > duration() ? 0 : next); // after its end a clip begins again
    requestAnimationFrame(tick);
  }
  function play() {
    if (state.playing) return;
    state.playing = true;
    before = performance.now();
    $("replay-play").textContent = "Pause";
    requestAnimationFrame(tick);
  }
  function pause() {
    state.playing = false;
    $("replay-play").textContent = "Play";
  }
  const toggle = () => (state.playing ? pause() : play());

  // ---- what a reader does

  function turn(across, up) {
    state.view.azimuth -= across;
    state.view.elevation = Math.min(Math.max(state.view.elevation - up, -89), 89);
    refresh();
  }
  function zoom(by) {
    state.view.zoom = Math.min(Math.max(state.view.zoom * by, 0.3), 30);
    refresh();
  }
  function pan(x, y) {
    const unit = (2 * reach(canvas.clientWidth, canvas.clientHeight)[0]) / canvas.clientWidth;
    state.view.across -= x * unit;
    state.view.up += y * unit;
    refresh();
  }
  function reset() {
    state.view = { ...home };
    refresh();
  }
  const KEYS = {
    ArrowLeft: () => turn(-5, 0), ArrowRight: () => turn(5, 0), ArrowUp: () => turn(0, 5), ArrowDown: () => turn(0, -5),
    "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: reset, " ": toggle,
    ",": () => steps(-1), ".": () => steps(1),
  };
  canvas.addEventListener("keydown", (e) => {
    if (!KEYS[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    KEYS[e.key]();
  });
  const pressed = new Map();
  const apart = () => {
    const [a, b] = [...pressed.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(e.pointerId);
    pressed.set(e.pointerId, { x: e.clientX, y: e.clientY });
  });
  canvas.addEventListener("pointermove", (e) => {
    const from = pressed.get(e.pointerId);
    if (!from) return;
    const [x, y, wide] = [e.clientX - from.x, e.clientY - from.y, pressed.size > 1 ? apart() : 0];
    pressed.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (pressed.size > 1) {
      zoom(apart() / Math.max(wide, 1));
      pan(x / 2, y / 2);
    } else if (e.shiftKey || e.buttons === 2) pan(x, y);
    else turn(0.5 * x, 0.5 * y);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => pressed.delete(e.pointerId));
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  canvas.addEventListener("wheel", (e) => {
    if (document.activeElement !== canvas) return; // the page scrolls until the picture is clicked
    e.preventDefault();
    zoom(Math.exp(-0.0015 * e.deltaY));
  }, { passive: false });

  const overlay = $("replay-cursor");
  const point = (e) => {
    const box = overlay.getBoundingClientRect();
    seek(((e.clientX - box.left) / box.width) * duration());
  };
  overlay.addEventListener("pointerdown", (e) => { overlay.setPointerCapture(e.pointerId); point(e); });
  overlay.addEventListener("pointermove", (e) => { if (e.buttons) point(e); });

  $("replay-play").addEventListener("click", toggle);
  $("replay-time").addEventListener("input", (e) => { pause(); seek(e.target.value / scene.rate_hz); });
  $("replay-speed").addEventListener("change", (e) => { state.speed = +e.target.value; });
  $("replay-clip").addEventListener("change", (e) => select(+e.target.value));
  $("replay-reset").addEventListener("click", reset);
  for (const id of ["replay-ghost", "replay-dots"]) $(id).addEventListener("change", refresh);
  new ResizeObserver(refresh).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);

  $("replay-ghost").closest("label").hidden = !scene.columns.reference;
  clips.forEach((clip, i) => $("replay-clip").add(new Option(clip.label, i)));
  $("replay-bar").style.background = `linear-gradient(90deg, ${scene.colours.join(",")})`;
  $("replay-low").textContent = scene.signed ? "−1" : "0";
  state.speed = +$("replay-speed").value;
  select(scene.first);

  window.mimicReplay = {
    clips: clips.map((c) => c.name),
    renderer,
    play, pause, seek, select, turn, zoom, reset,
    get clip() { return shown().name; },
    get step() { return state.step; },
    get time() { return state.step / scene.rate_hz; },
    get duration() { return duration(); },
    get playing() { return state.playing; },
    get view() { return { ...state.view }; },
    /** Position (in units of half the scene) and quaternion of each moving body, as shown. */
    pose: () => [...read("body", state.step)],
  };
})();
