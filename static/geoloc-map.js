/* GeolocMap, part 3: what Geoloc shows on the base map. Every text is set as text, never as HTML. */
Object.assign(window.GeolocMap, (() => {
  "use strict";
  const COPIES = [-360, 0, 360];
  const PALETTES = {  // from the weakest to the strongest
    light: { nearest: ["#9db8ec", "#1d4ed8"], farthest: ["#e3b98a", "#b3500b"], candidate: ["#e79a9f", "#c81e3a"],
             cell: ["#8fd0c6", "#0b5d56"] },
    dark: { nearest: ["#35578f", "#3b82f6"], farthest: ["#7a5230", "#ea7a1c"], candidate: ["#7c3441", "#f43f5e"],
            cell: ["#23524e", "#2dd4bf"] },
  };
  const COLOURS = {
    light: { guess: "#d11a3a", truth: "#11803f", dot: "#2563eb", line: "#1f2937", edge: "#ffffff" },
    dark: { guess: "#fb5470", truth: "#34d27b", dot: "#60a5fa", line: "#e5e7eb", edge: "#0e1822" },
  };
  const POPUP = { maxWidth: 220, autoPanPadding: [12, 12] };
  const PIN = "M15 37.5C15 37.5 27.5 23.8 27.5 14A12.5 12.5 0 1 0 2.5 14C2.5 23.8 15 37.5 15 37.5Z";

  const PIN_BOX = { iconSize: [30, 39], iconAnchor: [15, 38] };

  const colours = (map) => COLOURS[map.geoloc.theme] || COLOURS.light;

  function element(tag, name, text, parent) {
    const made = document.createElement(tag);
    made.className = name;
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  /** Leaflet takes tooltips as HTML: the text with every sign that means something there escaped. */
  const asHtml = (text) => element("i", "", text).innerHTML.replace(/"/g, "&quot;");

  function mix(from, to, share) {
    const part = (colour, i) => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
    return `rgb(${[0, 1, 2].map((i) => Math.round(part(from, i) + (part(to, i) - part(from, i)) * share)).join(",")})`;
  }

  /** Keeps a marker in the world copy that is nearest to the middle of the view. */
  function follow(map, layer) {
    const move = () => {
      const at = layer.getLatLng(), turns = Math.round((map.getCenter().lng - at.lng) / 360);
      if (turns) layer.setLatLng([at.lat, at.lng + 360 * turns]);
    };
    map.on("moveend", move);
    move();
  }

  function card({ title, lines, thumbnail }) {
    const box = element("div", "gl-card");
    if (thumbnail) Object.assign(element("img", "gl-thumb", undefined, box), { src: thumbnail, alt: "" });
    element("strong", "", title, box);
    for (const line of lines || []) element("span", "", line, box);
    return box;
  }

  /** A marker one can reach with the keyboard, with tooltip and popup. */
  function marker(map, item, icon, options) {
    const made = L.marker([item.lat, item.lon], { icon, riseOnHover: true, ...options });
    made.on("add", () => {
      made.getElement().setAttribute("role", "button");
      made.getElement().setAttribute("aria-label", item.title);
    });
    made.bindTooltip(asHtml(item.title), { direction: "top", className: "gl-tip" });
    made.bindPopup(() => card(item), { ...POPUP, minWidth: 130 });
    made.addTo(map);
    follow(map, made);
    return made;
  }

  /** Numbered markers, moved apart where they would cover one another, each with a line to its place. */
  function numbered(map, { markers, palette }) {
    const [weak, strong] = (PALETTES[map.geoloc.theme] || PALETTES.light)[palette];
    const placed = markers.map((item) => {
      const body = element("div", "gl-body"), size = 20 + Math.round(6 * item.strength);
      const leader = element("i", "gl-leader", undefined, body), spot = element("i", "gl-spot", undefined, body);
      const badge = element("b", "gl-num", String(item.rank), body);
      const colour = mix(weak, strong, item.strength);
      badge.style.cssText = `width:${size}px;height:${size}px;line-height:${size - 4}px;background:${colour}`;
      badge.classList.toggle("gl-pale", map.geoloc.theme !== "dark" && item.strength < 0.35);
      spot.style.background = leader.style.background = colour;
      const icon = L.divIcon({ className: "gl-marker", html: body, iconSize: [0, 0] });
      const made = marker(map, item, icon, { zIndexOffset: 1000 - 10 * item.rank });
      return { made, icon, leader, spot, badge, size };
    });
    const layout = () => spread(map, placed);
    map.on("zoomend viewreset", layout);
    layout();
  }

  /** Gives every badge, best rank first, the free spot nearest to its place. */
  function spread(map, placed) {
    const taken = pinsOf(map);
    for (const item of placed) {
      const at = map.latLngToLayerPoint(item.made.getLatLng()), half = item.size / 2;
      const free = (x, y) => taken.every((t) => Math.hypot(t.x - x, t.y - y) >= t.half + half);
      const offset = spiral().find(([dx, dy]) => free(at.x + dx, at.y + dy)) || [0, 0];
      taken.push({ x: at.x + offset[0], y: at.y + offset[1], half });
      shift(item, offset[0], offset[1]);
    }
    map.geoloc.labels.redraw();
  }

  /** Circles that cover the pins: head and tip. */
  function pinsOf(map) {
    return map.geoloc.pins.flatMap((pin) => {
      const { x, y } = map.latLngToLayerPoint(pin.getLatLng());
      return [{ x, y: y - 24, half: 14 }, { x, y: y - 5, half: 5 }];
    });
  }

  function spiral() {
    const spots = [[0, 0]];
    for (let radius = 10; radius <= 120; radius += 6)
      for (let k = 0; k < 16; k++) {
        const angle = (k + (radius % 4) / 4) * Math.PI / 8 - Math.PI / 2;
        spots.push([Math.round(radius * Math.cos(angle)), Math.round(radius * Math.sin(angle))]);
      }
    return spots;
  }

  function shift({ made, icon, leader, spot, badge, size }, dx, dy) {
    const away = Math.hypot(dx, dy), half = size / 2;
    badge.style.transform = `translate(${dx - half}px, ${dy - half}px)`;
    leader.style.width = `${away}px`;
    leader.style.transform = `rotate(${Math.atan2(dy, dx)}rad)`;
    spot.hidden = leader.hidden = away < 3;
    icon.options.popupAnchor = [dx, dy - half];
    made.getTooltip().options.offset = L.point(dx, dy - half);
    const left = Math.min(dx - half, -3), top = Math.min(dy - half, -3);
    made.geolocBox = [left, top, Math.max(dx + half, 3) - left, Math.max(dy + half, 3) - top];
  }

  /** Small dots: places seen, but not what one looks for here. */
  function dots(map, { markers }) {
    const { dot: fill, edge } = colours(map);
    for (const item of markers) {
      const dot = L.circleMarker([item.lat, item.lon], {
        radius: 3.5 + 1.5 * item.strength, weight: 1.2, color: edge, fillColor: fill, fillOpacity: 0.9,
      });
      dot.bindTooltip(asHtml(item.title), { className: "gl-tip" }).bindPopup(() => card(item), POPUP).addTo(map);
      follow(map, dot);
    }
  }

  /** Diamonds: places that a model named, one a reply. */
  function diamonds(map, { markers }) {
    for (const item of markers) {
      const icon = L.divIcon({ className: "gl-marker", html: element("i", "gl-diamond"), iconSize: [0, 0] });
      const made = marker(map, item, icon, { zIndexOffset: 1500 });
      icon.options.popupAnchor = [0, -8];
      made.getTooltip().options.offset = L.point(0, -8);
    }
  }

  function svgPin(colour, edge) {
    const made = element("div", "gl-pin");
    made.innerHTML = '<svg width="30" height="39" viewBox="0 0 30 39" aria-hidden="true">' +
      `<path d="${PIN}" fill="${colour}" stroke="${edge}" stroke-width="1.6"/>` +
      `<circle cx="15" cy="14" r="4.6" fill="${edge}"/></svg>`;
    return made;
  }

  /** The best guess or the truth. */
  function pin(map, { kind, ...item }) {
    const html = svgPin(colours(map)[kind], colours(map).edge);
    const icon = L.divIcon({ className: "gl-marker", html, ...PIN_BOX, popupAnchor: [0, -34] });
    const made = marker(map, item, icon, { zIndexOffset: kind === "guess" ? 3000 : 2000 });
    made.getTooltip().options.offset = L.point(0, -34);
    made.geolocBox = [-15, -38, 30, 40];
    map.geoloc.pins.push(made);
  }

  const moved = (points, turn) => points.map(([lat, lon]) => [lat, lon + turn]);

  /** A geodesic ring: `areas` are polygons (rings with holes) to fill, `line` its edge. */
  function ring(map, { areas, line }) {
    const colour = colours(map).guess;
    const inner = { stroke: false, fillColor: colour, fillOpacity: 0.07, interactive: false };
    const edge = { color: colour, weight: 1.6, opacity: 0.9, dashArray: "5 5", interactive: false };
    for (const turn of COPIES) {
      L.polygon(areas.map((rings) => rings.map((points) => moved(points, turn))), inner).addTo(map);
      L.polyline(moved(line, turn), edge).addTo(map);
    }
  }

  /** Geo-cells or tiles: `line` is one's border, `strength` (0 to 1) how likely it is beside the likeliest. */
  function cells(map, { cells: items }) {
    const [weak, strong] = (PALETTES[map.geoloc.theme] || PALETTES.light).cell;
    for (const item of items) {
      const colour = mix(weak, strong, Math.sqrt(item.strength));
      const style = { color: colour, weight: 0.8 + item.strength, opacity: 0.75, fillColor: colour,
        fillOpacity: 0.06 + 0.5 * Math.sqrt(item.strength) };
      for (const turn of COPIES) {
        const made = L.polygon(moved(item.line, turn), style);
        made.bindTooltip(item.thumbnail ? () => card(item) : asHtml(item.title), { className: "gl-tip", sticky: true });
        made.bindPopup(() => card(item), POPUP).addTo(map);
      }
    }
  }

  /** The distribution as an image whose rows are even in Web Mercator. */
  function heat(map, { image, south, west, north, east }) {
    for (const turn of COPIES)
      L.imageOverlay(image, [[south, west + turn], [north, east + turn]], { className: "gl-heat" }).addTo(map);
  }

  /** A dotted line, such as the great circle from the guess to the truth with its length written at the middle. */
  function line(map, { points, title }) {
    const { line: colour, edge } = colours(map);
    const halo = { color: edge, weight: 4, opacity: 0.6 }, dotted = { color: colour, weight: 1.8, dashArray: "2 5" };
    for (const turn of COPIES)
      for (const style of [halo, dotted])
        L.polyline(moved(points, turn), { interactive: false, ...style }).addTo(map);
    if (!title) return;
    const [lat, lon] = points[Math.floor(points.length / 2)];
    const icon = L.divIcon({ className: "gl-length", html: element("span", "", title), iconSize: [0, 0] });
    const label = L.marker([lat, lon], { icon, interactive: false, keyboard: false }).addTo(map);
    label.geolocBox = [-40, -11, 80, 22];
    follow(map, label);
  }

  /** A small key: `items` of {swatch, text}; folded where the map is narrow, out of the way of an open popup. */
  function legend(map, { items }) {
    const Key = L.Control.extend({
      options: { position: "topright" },
      onAdd() {
        const box = element("details", "gl-legend"), wide = window.matchMedia("(min-width: 480px)");
        element("summary", "", "Legend", box);
        wide.onchange = () => { box.open = wide.matches; box.classList.toggle("gl-wide", wide.matches); };
        wide.onchange();
        L.DomEvent.disableClickPropagation(box);
        for (const { swatch, text } of items) {
          const row = element("p", "", undefined, box);
          element("i", `gl-swatch gl-swatch-${swatch}`, undefined, row);
          element("span", "", text, row);
        }
        return box;
      },
    });
    const key = new Key().addTo(map);
    map.on("popupopen popupclose", ({ type }) => {
      key.getContainer().style.visibility = type === "popupopen" ? "hidden" : "";
    });
  }

  /** Shows bounds, again whenever the box changes its size, until the user moves the map. */
  function fit(map, { bounds, maxZoom }) {
    const refit = () => {
      const { x, y } = map.getSize();
      if (!x || !y) return;
      const side = Math.min(46, x / 9, y / 9);
      map.fitBounds(bounds, { padding: [side, side], maxZoom, animate: false });
    };
    const stop = () => { map.geoloc.refit = null; };
    map.geoloc.refit = refit;
    for (const act of ["mousedown", "wheel", "touchstart", "keydown"])
      map.getContainer().addEventListener(act, stop, { once: true, passive: true });
    refit();
  }

  /** Lets the user click a place: a cross-hair, and a pin where the click was. */
  function pick(map) {
    const html = svgPin(colours(map).truth, colours(map).edge);
    const icon = L.divIcon({ className: "gl-marker gl-ghost", html, ...PIN_BOX });
    let ghost = null;
    map.getContainer().classList.add("gl-picking");
    map.on("click", ({ latlng }) => {
      ghost = ghost || L.marker(latlng, { icon, interactive: false, keyboard: false }).addTo(map);
      ghost.setLatLng(latlng);
    });
  }

  return { numbered, dots, diamonds, pin, ring, cells, heat, line, legend, fit, pick };
})());
