// Parts in their places, and the triangles of spheres, cylinders and boxes, for the replay.
"use strict";
const mimicSolids = (() => {
  // ---- small linear algebra; matrices are column-major, as WebGL takes them

  function rotation(w, x, y, z) {
    const n = Math.hypot(w, x, y, z) || 1;
    [w, x, y, z] = [w / n, x / n, y / n, z / n];
    return [
      1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y),
      2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x),
      2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y),
    ];
  }

  /** A part in its place: rotation (9), position (3) and size along its own axes (3). */
  const place = (turn, pos, size) => ({ turn, pos, size });
  const turned = (m, v) => [0, 1, 2].map((i) => m[i] * v[0] + m[i + 3] * v[1] + m[i + 6] * v[2]);
  const times = (a, b) => [0, 3, 6].flatMap((c) => turned(a, b.slice(c, c + 3)));
  const within = (outer, inner) => {
    const moved = turned(outer.turn, inner.pos);
    return place(times(outer.turn, inner.turn), moved.map((v, i) => v + outer.pos[i]), inner.size);
  };
  const UPRIGHT = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const WORLD = place(UPRIGHT, [0, 0, 0], [1, 1, 1]);

  function between(a, b, radius) {
    const d = [0, 1, 2].map((i) => b[i] - a[i]), length = Math.hypot(...d);
    if (!(length > 0)) return null;
    const z = d.map((v) => v / length), helper = Math.abs(z[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0];
    const cross = (p, q) => [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
    const side = cross(helper, z), norm = Math.hypot(...side), x = side.map((v) => v / norm), y = cross(z, x);
    return place([...x, ...y, ...z], a.map((v, i) => (v + b[i]) / 2), [radius, radius, length / 2]);
  }

  // ---- triangles: each corner has a position and a normal

  function surface(rows, columns, at) {
    const points = [];
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
      const corner = (r, c) => at((i + r) / rows, (2 * Math.PI * (j + c)) / columns);
      for (const [r, c] of [[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]]) points.push(corner(r, c));
    }
    return points;
  }
  const flat = (triangles) => { // every corner with the normal of its triangle
    const out = [];
    for (let i = 0; i < triangles.length; i += 3) {
      const [a, b, c] = triangles.slice(i, i + 3), u = b.map((v, k) => v - a[k]), w = c.map((v, k) => v - a[k]);
      const n = [u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]];
      const size = Math.hypot(...n) || 1;
      for (const p of [a, b, c]) out.push(...p, ...n.map((v) => v / size));
    }
    return out;
  };
  function solids() {
    const ball = surface(14, 24, (v, a) => [Math.sin(Math.PI * v) * Math.cos(a), Math.sin(Math.PI * v) * Math.sin(a), Math.cos(Math.PI * v)]);
    const tube = surface(1, 24, (v, a) => [Math.cos(a), Math.sin(a), 1 - 2 * v]);
    const lids = [1, -1].flatMap((z) => surface(1, 24, (v, a) => [v * Math.cos(z * a), v * Math.sin(z * a), z]));
    const box = [0, 1, 2].flatMap((axis) => [1, -1].flatMap((side) =>
      [[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]].map(([u, w]) => {
        const p = [0, 0, 0];
        [p[axis], p[(axis + 1) % 3], p[(axis + 2) % 3]] = [side, side * u, w];
        return p;
      })));
    return {
      sphere: ball.flatMap((p) => [...p, ...p]),
      cylinder: [...tube.flatMap((p) => [...p, p[0], p[1], 0]), ...lids.flatMap((p) => [...p, 0, 0, p[2]])],
      box: flat(box),
    };
  }

  return { UPRIGHT, WORLD, between, flat, place, rotation, solids, within };
})();
