// The picture of the replay: bones, muscles and keypoints at the step that is shown, drawn with WebGL or without.
"use strict";
/**
 * Draws `scene` on a canvas as `state` says: which step, and from where.
 * `read(kind, step)` gives numbers of the clip that is shown, `words(base64)` whole numbers.
 */
const mimicPicture = (canvas, scene, state, read, words) => {
  const { UPRIGHT, WORLD, between, flat, place, rotation, solids, within } = mimicSolids;
  const $ = (id) => document.getElementById(id);

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
  const floor = scene.floor.flatMap((tile) => parts(tile));
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
      draw(floor, [...style("--floor"), 1]);
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

  return { reach, refresh, renderer: kind, tone };
};
