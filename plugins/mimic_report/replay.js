// Replay of rollouts in three dimensions: the body as the controller moved it, the reference it should follow, muscles
// coloured by activation. Everything it shows is in the element #replay-data; nothing is fetched.
"use strict";
(() => {
  const { UPRIGHT, WORLD, between, flat, place, rotation, solids, within } = mimicSolids;
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

  // ---- what there is to draw

  /** A geom as parts of the shapes sphere, cylinder, box or a mesh. */
  function parts(geom) {
    const frame = place(rotation(...geom.quat), geom.pos, [1, 1, 1]), [a, b, c] = geom.size;
    const part = (shape, pos, size) => ({ shape, at: within(frame, place(UPRIGHT, pos, size)) });
    if (geom.kind === "sphere") return [part("sphere", [0, 0, 0], [a, a, a])];
    if (geom.kind === "ellipsoid") return [part("sphere", [0, 0, 0], [a, b, c])];
    if (geom.kind === "box") return [part("box", [0, 0, 0], [a, b, c])];
    if (geom.kind === "mesh") return [part(geom.mesh, [0, 0, 0], [1, 1, 1])];
    const tube = part("cylinder", [0, 0, 0], [a, a, b]);
    if (geom.kind === "cylinder") return [tube];
    return [tube, ...[b, -b].map((z) => part("sphere", [0, 0, z], [a, a, a]))];
  }
  const geoms = scene.geoms.map((geom) => ({ body: geom.body, parts: parts(geom) }));

  function bones(kind, moving) {
    const poses = read(kind, state.step), out = [];
    for (const geom of geoms) {
      if (moving && geom.body < 0) continue;
      const p = poses.subarray(7 * geom.body, 7 * geom.body + 7);
      const body = geom.body < 0 ? WORLD : place(rotation(p[3], p[4], p[5], p[6]), [p[0], p[1], p[2]], [1, 1, 1]);
      for (const part of geom.parts) out.push({ shape: part.shape, at: within(body, part.at) });
    }
    return out;
  }

  function paths() {
    const points = read("muscles", state.step), activation = read("activation", state.step);
    return scene.muscles.map((muscle) => {
      const line = [];
      for (let i = muscle.from; i < muscle.to; i++) line.push([...points.subarray(3 * i, 3 * i + 3)]);
      const level = activation[muscle.actuator];
      return { line, colour: colour(level), radius: 0.011 * (1 + 0.8 * Math.min(Math.max(level || 0, 0), 1)) };
    });
  }

  function dots(kind, radius) {
    const p = read(kind, state.step), out = [];
    for (let i = 0; i < p.length; i += 3) {
      if (p[i] === p[i]) out.push({ shape: "sphere", at: place(UPRIGHT, [p[i], p[i + 1], p[i + 2]], [radius, radius, radius]) });
    }
    return out;
  }

  const share = (level) => (scene.signed ? (level + 1) / 2 : level);
  const tone = (level) => scene.colours[Math.round(Math.min(Math.max(share(level) || 0, 0), 1) * (scene.colours.length - 1))];
  const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const colour = (level) => [...channels(tone(level)), 1];
  const style = (name) => channels(getComputedStyle($("replay")).getPropertyValue(name).trim());

  function directions() {
    const [a, e] = [state.view.azimuth, state.view.elevation].map((d) => (d * Math.PI) / 180);
    const [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
    return { right: [sa, -ca, 0], up: [-se * ca, -se * sa, ce], near: [-ce * ca, -ce * sa, -se] };
  }
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  /** Half of the picture's height and width, in the scene's length. */
  function reach(width, height) {
    const half = scene.view.radius / state.view.zoom;
    return width < height ? [half, (half * height) / width] : [(half * width) / height, half];
  }

  // ---- drawing with WebGL

  const VERTEX = `attribute vec3 point, normal; uniform mat3 turn; uniform vec3 pos, size, right, up, near;
    uniform vec4 window; varying vec3 facing;
    void main() { vec3 p = turn * (size * point) + pos; vec3 n = normalize(turn * (normal / size));
      facing = vec3(dot(n, right), dot(n, up), dot(n, near));
      gl_Position = vec4((dot(p, right) - window.x) / window.z, (dot(p, up) - window.y) / window.w, -dot(p, near) / 8.0, 1.0); }`;
  const FRAGMENT = `precision mediump float; uniform vec4 tint; varying vec3 facing;
    void main() { vec3 n = normalize(facing); float light = 0.5 + 0.5 * max(dot(n, normalize(vec3(-0.35, 0.5, 0.8))), 0.0);
      gl_FragColor = vec4(tint.rgb * light, tint.a) * vec4(vec3(tint.a), 1.0); }`;

  function shapes() {
    const made = solids();
    for (const [name, mesh] of Object.entries(scene.meshes)) {
      const at = words(mesh.points), corners = words(mesh.corners);
      made[name] = flat([...corners].map((c) => [0, 1, 2].map((k) => at[3 * (c & 0xffff) + k] * mesh.unit)));
    }
    return made;
  }

  function webgl(canvas) {
    const gl = canvas.getContext("webgl", { antialias: true, alpha: false });
    if (!gl) return null;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    ["point", "normal"].forEach((name, i) => gl.bindAttribLocation(program, i, name));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    const u = {};
    for (const name of ["turn", "pos", "size", "right", "up", "near", "window", "tint"]) u[name] = gl.getUniformLocation(program, name);
    const buffers = {};
    for (const [name, corners] of Object.entries(shapes())) {
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(corners), gl.STATIC_DRAW);
      buffers[name] = { buffer, count: corners.length / 6 };
    }
    [0, 1].forEach((i) => gl.enableVertexAttribArray(i));
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

    function draw(items, tint) {
      gl.uniform4fv(u.tint, tint);
      for (const { shape, at } of items) {
        const { buffer, count } = buffers[shape];
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 24, 0);
        gl.vertexAttribPointer(1, 3, gl.FLOAT, false, 24, 12);
        gl.uniformMatrix3fv(u.turn, false, at.turn);
        gl.uniform3fv(u.pos, at.pos);
        gl.uniform3fv(u.size, at.size);
        gl.drawArrays(gl.TRIANGLES, 0, count);
      }
    }
    function ghost(items) { // its nearest surface alone, and behind the body where both are in one place
      gl.enable(gl.POLYGON_OFFSET_FILL);
      gl.polygonOffset(2, 8);
      gl.colorMask(false, false, false, false);
      draw(items, [0, 0, 0, 1]);
      gl.colorMask(true, true, true, true);
      gl.enable(gl.BLEND);
      draw(items, [...style("--ghost"), 0.42]);
      gl.disable(gl.BLEND);
      gl.disable(gl.POLYGON_OFFSET_FILL);
    }
    return function render(width, height) {
      gl.viewport(0, 0, width, height);
      gl.clearColor(...style("--stage"), 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      const { right, up, near } = directions();
      Object.entries({ right, up, near }).forEach(([name, v]) => gl.uniform3fv(u[name], v));
      gl.uniform4f(u.window, state.view.across, state.view.up, ...reach(width, height));
      draw(bones("body", false), [...style("--bone"), 1]);
      if (scene.columns.reference && $("replay-ghost").checked) ghost(bones("reference", true));
      gl.clear(gl.DEPTH_BUFFER_BIT); // muscles lie over the bones, so that none is hidden
      for (const { line, colour, radius } of paths()) {
        const tubes = line.slice(1).map((p, i) => between(line[i], p, radius)).filter(Boolean);
        const ends = line.map((p) => place(UPRIGHT, p, [radius, radius, radius]));
        draw(tubes.map((at) => ({ shape: "cylinder", at })), colour);
        draw(ends.map((at) => ({ shape: "sphere", at })), colour);
      }
      gl.clear(gl.DEPTH_BUFFER_BIT);
      if ($("replay-dots").checked) {
        draw(dots("keypoints", 0.026), [...style("--keypoint"), 1]);
        gl.clear(gl.DEPTH_BUFFER_BIT);
        draw(dots("tracked", 0.016), [...style("--tracked"), 1]);
      }
    };
  }

  // ---- the same without WebGL: lines and discs

  function flatly(canvas) {
    const pen = canvas.getContext("2d");
    return function render(width, height) {
      const { right, up, near } = directions(), [halfWidth, halfHeight] = reach(width, height), scale = height / 2 / halfHeight;
      const spot = (p) => [((dot(p, right) - state.view.across) / halfWidth + 1) * (width / 2), (1 - (dot(p, up) - state.view.up) / halfHeight) * (height / 2)];
      const css = (rgb) => `rgb(${rgb.slice(0, 3).map((v) => Math.round(255 * v)).join(",")})`;
      const stroke = (line, thickness, ink) => {
        pen.strokeStyle = ink;
        pen.lineWidth = Math.max(thickness * scale, 1);
        pen.beginPath();
        line.forEach((p, i) => pen[i ? "lineTo" : "moveTo"](...spot(p)));
        pen.stroke();
      };
      const solid = (items, ink) => [...items].sort((a, b) => dot(a.at.pos, near) - dot(b.at.pos, near)).forEach(({ shape, at }) => {
        if (scene.meshes[shape]) return stroke([at.pos, at.pos.map((v) => v + 1e-4)], 0.06, ink);
        const most = at.size.indexOf(Math.max(...at.size)), thick = at.size.filter((_, i) => i !== most);
        const radius = Math.max((thick[0] + thick[1]) / 2, 0.005), axis = at.turn.slice(3 * most, 3 * most + 3);
        const long = at.size[most] - (shape === "cylinder" ? 0 : radius);
        stroke([-long, long + 1e-4].map((z) => at.pos.map((v, i) => v + z * axis[i])), 2 * radius, ink);
      });
      pen.fillStyle = css(style("--stage"));
      pen.fillRect(0, 0, width, height);
      pen.lineCap = pen.lineJoin = "round";
      if (scene.columns.reference && $("replay-ghost").checked) solid(bones("reference", true), css(style("--ghost").map((v, i) => (v + style("--stage")[i]) / 2)));
      solid(bones("body", false), css(style("--bone")));
      paths().forEach(({ line, colour, radius }) => stroke(line, 2 * radius, css(colour)));
      if ($("replay-dots").checked) {
        solid(dots("keypoints", 0.026), css(style("--keypoint")));
        solid(dots("tracked", 0.016), css(style("--tracked")));
      }
    };
  }

  const canvas = $("replay-canvas");
  let render = webgl(canvas), asked = false;
  const kind = render ? "webgl" : "2d";
  render = render || flatly(canvas);
  $("replay-plain").hidden = kind === "webgl";
  canvas.addEventListener("webglcontextlost", (e) => e.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => { render = webgl(canvas) || render; refresh(); });

  function refresh() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; paint(); });
  }
  function paint() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((v) => Math.max(1, Math.round(v * ratio)));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    render(width, height);
    ruler(width / ratio, height / ratio);
  }
  function ruler(width, height) {
    const mm = (2 * reach(width, height)[0] * scene.mm_per_unit) / width; // of the animal, in one pixel
    const most = 0.25 * width * mm, decade = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((f) => f * decade).find((v) => v <= most);
    $("replay-ruler").style.width = `${length / mm}px`;
    $("replay-ruler").textContent = `${+length.toPrecision(1)} mm`;
  }

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
    renderer: kind,
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
