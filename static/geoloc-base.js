/* GeolocMap, part 1: the embedded base map.
 *
 * Draws Natural Earth land, borders and waters and GeoNames labels on canvas, in every world copy in view, finer as one
 * zooms in. Data files lie beside this script in basemap/ (made by index_builder/geodata/basemap.py) and are fetched when the
 * view needs them. No other host is asked for anything. Needs Leaflet 1.9.
 */
window.GeolocMap = (() => {
  "use strict";

  const HERE = new URL(document.currentScript.src);
  const CREDIT = '<a href="https://leafletjs.com" target="_blank" rel="noopener">Leaflet</a> · ' +
    '<a href="https://www.naturalearthdata.com" target="_blank" rel="noopener">Natural Earth</a> · ' +
    '<a href="https://www.geonames.org" target="_blank" rel="noopener">© GeoNames</a>';
  const THEMES = {
    light: {
      sea: "#cfe1ea", shelf: "#dcebf1", lake: "#d5e6ee", river: "#c3dae6", grid: "#bdd4df",
      land: "#f7f5f0", coast: "#9db7c4", border: "#bdb4a6", state: "#dcd6cb",
      country: "#857b6a", city: "#3c4048", dot: "#5b616b", seaName: "#6f98ac", halo: "rgba(255,255,255,.85)",
    },
    dark: {
      sea: "#0e1822", shelf: "#13212d", lake: "#14212c", river: "#1b2b38", grid: "#182734",
      land: "#25313d", coast: "#415465", border: "#566878", state: "#35434f",
      country: "#93a3b1", city: "#d3dce4", dot: "#a9b7c3", seaName: "#46647a", halo: "rgba(16,25,34,.8)",
    },
  };
  const FONT = '"Source Sans 3", "Source Sans Pro", "Source Sans", system-ui, -apple-system, "Segoe UI", sans-serif';
  const LEVELS = [["land-10m", 5.5], ["land-50m", 2.25], ["land-110m", -1]];
  const QUANTUM = { "land-10m": 0.0036, "land-50m": 0.0036, "land-110m": 0.02, waters: 0.036 };  // degrees

  /* ---- data ---- */
  const store = {}, asked = {};

  /** Numbers of an encoded polyline (lat, lon alternating), as degrees. */
  function decode(text, scale) {
    const out = [];
    let at = 0, lat = 0, lon = 0;
    const next = () => {
      let value = 0, shift = 0, bits;
      do { bits = text.charCodeAt(at++) - 63; value |= (bits & 31) << shift; shift += 5; } while (bits >= 32);
      return value & 1 ? ~(value >> 1) : value >> 1;
    };
    while (at < text.length) { lat += next(); lon += next(); out.push(lat / scale, lon / scale); }
    return out;
  }

  const worldX = (lon) => lon / 360 + 0.5;
  function worldY(lat) {  // Web Mercator, the world being 1 wide; the poles at a finite distance
    const sin = Math.sin(Math.max(-89.5, Math.min(89.5, lat)) * Math.PI / 180);
    return 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI);
  }

  /** A line in world units with its box. */
  function shape(text, scale) {
    const points = Float64Array.from(decode(text, scale));
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i += 2) {
      const y = worldY(points[i]), x = worldX(points[i + 1]);
      points[i] = x; points[i + 1] = y;
      box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
    }
    return { points, box };
  }

  function places({ scale, names, at, zooms, capitals }) {
    const where = decode(at, scale), main = new Set(capitals);
    return names.split("\n").map((name, i) => ({
      name, x: worldX(where[2 * i + 1]), y: worldY(where[2 * i]), zoom: parseInt(zooms[i], 16), capital: main.has(i),
    }));
  }

  /** Called by the data files. */
  function receive(name, data) {
    const out = {};
    for (const kind of ["land", "borders", "lakes", "rivers", "states"])
      if (data[kind]) out[kind] = data[kind].map((text) => shape(text, data.scale));
    const named = ([name, lat, lon, zoom, last]) => ({ name, x: worldX(lon), y: worldY(lat), zoom, last });
    out.countries = (data.countries || []).map(named);
    out.seas = (data.seas || []).map(named);
    out.cities = data.cities ? places(data.cities) : [];
    store[name] = out;
  }

  /** Fetches a data file once, then calls `then`; a file that does not come is asked for again by the next view. */
  function need(name, then) {
    if (store[name] || asked[name]) return;
    asked[name] = true;
    const tag = document.createElement("script");
    tag.src = new URL(`basemap/${name}.js${HERE.search}`, HERE).href;
    tag.onload = () => then();
    tag.onerror = () => { asked[name] = false; };
    document.body.append(tag);
  }

  /* ---- canvas ---- */
  /** A canvas as large as the view and a margin, drawn anew by `paint(ctx, view)` after every move. */
  const Canvas = L.Renderer.extend({
    options: { padding: 0.35, paint: () => {} },
    _initContainer() { this._container = document.createElement("canvas"); },
    _destroyContainer() { this._container.remove(); delete this._container; },
    _updatePaths() {},
    _update() {
      if (this._map._animatingZoom && this._bounds) return;
      L.Renderer.prototype._update.call(this);
      const size = this._bounds.getSize(), sharp = window.devicePixelRatio || 1, canvas = this._container;
      L.DomUtil.setPosition(canvas, this._bounds.min);
      canvas.width = Math.round(size.x * sharp); canvas.height = Math.round(size.y * sharp);
      canvas.style.width = `${size.x}px`; canvas.style.height = `${size.y}px`;
      if (!size.x || !size.y) return;
      const ctx = canvas.getContext("2d"), corner = this._map.getPixelOrigin().add(this._bounds.min);
      ctx.scale(sharp, sharp);
      this.options.paint(ctx, { zoom: this._zoom, scale: 256 * 2 ** this._zoom, left: corner.x, top: corner.y,
                                width: size.x, height: size.y, corner: this._bounds.min });
    },
    redraw() { if (this._map) this._update(); },
  });

  /** Calls `draw(shift)` for every world copy in which a box of world units is in view. */
  function inCopies(box, view, draw) {
    const x0 = view.left / view.scale, x1 = (view.left + view.width) / view.scale;
    const y0 = view.top / view.scale, y1 = (view.top + view.height) / view.scale;
    if (box[3] < y0 || box[1] > y1) return;
    for (let copy = Math.ceil(x0 - box[2]); copy <= Math.floor(x1 - box[0]); copy++) draw(copy);
  }

  /** Adds a line to the path. Points that cannot be seen are left out; coarse data is drawn as curves. */
  function trace(ctx, points, view, shift, curved) {
    const m = 40, side = (x, y) => (x < -m) | (x > view.width + m) << 1 | (y < -m) << 2 | (y > view.height + m) << 3;
    const X = (i) => (points[i] + shift) * view.scale - view.left, Y = (i) => points[i + 1] * view.scale - view.top;
    let x = X(0), y = Y(0), out = side(x, y);
    ctx.moveTo(x, y);
    for (let i = 2; i < points.length; i += 2) {
      const toX = X(i), toY = Y(i), last = i === points.length - 2;
      if (!last) {
        if (Math.abs(toX - x) < 0.6 && Math.abs(toY - y) < 0.6) continue;
        const here = side(toX, toY);
        if (here && here & out & side(X(i + 2), Y(i + 2))) continue;
        out = here;
      }
      if (curved && i > 2 && !last) ctx.quadraticCurveTo(x, y, (x + toX) / 2, (y + toY) / 2);
      else if (curved && last) ctx.quadraticCurveTo(x, y, toX, toY);
      else if (!curved) ctx.lineTo(toX, toY);
      x = toX; y = toY;
    }
  }

  function path(ctx, shapes, view, quantum) {
    const curved = quantum * view.scale / 360 > 3;
    ctx.beginPath();
    for (const { points, box } of shapes || [])
      inCopies(box, view, (shift) => trace(ctx, points, view, shift, curved));
  }

  function stroke(ctx, colour, width, dash = []) {
    ctx.strokeStyle = colour; ctx.lineWidth = width; ctx.setLineDash(dash);
    ctx.stroke();
  }

  function graticule(ctx, view, colour) {
    const step = [30, 15, 10, 5, 2, 1][Math.max(0, Math.min(5, Math.floor(view.zoom - 1.5)))];
    ctx.beginPath();
    for (let lon = -180; lon < 180; lon += step)
      inCopies([worldX(lon), 0, worldX(lon), 1], view, (shift) => {
        const x = (worldX(lon) + shift) * view.scale - view.left;
        ctx.moveTo(x, 0); ctx.lineTo(x, view.height);
      });
    for (let lat = -90 + step; lat < 90; lat += step) {
      const y = worldY(lat) * view.scale - view.top;
      if (y > 0 && y < view.height) { ctx.moveTo(0, y); ctx.lineTo(view.width, y); }
    }
    stroke(ctx, colour, 0.7);
  }

  /** Paints the finest land that the zoom asks for and that has arrived; returns its name. */
  function paintLand(ctx, view, colours) {
    const level = LEVELS.find(([name, from]) => view.zoom >= from && store[name]);
    if (view.zoom < 8) graticule(ctx, view, colours.grid);
    if (!level) return null;
    const data = store[level[0]], quantum = QUANTUM[level[0]], water = store.waters || {};
    ctx.lineJoin = ctx.lineCap = "round";
    path(ctx, data.land, view, quantum);
    stroke(ctx, colours.shelf, Math.min(10, 2 + 1.2 * view.zoom));
    ctx.fillStyle = colours.land; ctx.fill("evenodd");
    stroke(ctx, colours.coast, 0.8);
    if (view.zoom >= 3.5) {
      path(ctx, water.rivers, view, QUANTUM.waters);
      stroke(ctx, colours.river, view.zoom < 5 ? 0.8 : 1.4);
    }
    path(ctx, water.lakes, view, QUANTUM.waters);
    ctx.fillStyle = colours.lake; ctx.fill("evenodd");
    stroke(ctx, colours.coast, 0.6);
    if (view.zoom >= 3 && view.zoom < 9) {
      path(ctx, water.states, view, QUANTUM.waters);
      stroke(ctx, colours.state, 0.8);
    }
    path(ctx, data.borders, view, quantum);
    stroke(ctx, colours.border, view.zoom < 3 ? 0.7 : 1);
    return level[0];
  }

  return { THEMES, FONT, CREDIT, LEVELS, store, need, receive, Canvas, inCopies, paintLand };
})();
