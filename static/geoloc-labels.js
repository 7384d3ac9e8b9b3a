/* GeolocMap, part 2: labels on the base map, and `GeolocMap.base`, which puts land and labels on a Leaflet map. */
Object.assign(window.GeolocMap, (() => {
  "use strict";
  const { THEMES, FONT, CREDIT, LEVELS, store, need, Canvas, inCopies, paintLand } = window.GeolocMap;
  const TOWNS_FROM = 7.25;

  /** Keeps labels apart: `claim(x, y, w, h)` is true, and the box taken, when nothing lies there yet. */
  function room(taken) {
    return (x, y, w, h) => {
      if (taken.some((b) => x < b[0] + b[2] && b[0] < x + w && y < b[1] + b[3] && b[1] < y + h)) return false;
      taken.push([x, y, w, h]);
      return true;
    };
  }

  /** Boxes of the markers in view, which labels must not cover. */
  function markerBoxes(map, view) {
    const boxes = [];
    map.eachLayer((layer) => {
      if (!(layer instanceof L.Marker) && !(layer instanceof L.CircleMarker)) return;
      const at = map.latLngToLayerPoint(layer.getLatLng()).subtract(view.corner);
      const [left, top, width, height] = layer.geolocBox || [-6, -6, 12, 12];
      boxes.push([at.x + left, at.y + top, width, height]);
    });
    return boxes;
  }

  function write(ctx, text, x, y, colour, halo) {
    ctx.lineWidth = 3; ctx.strokeStyle = halo; ctx.strokeText(text, x, y);
    ctx.fillStyle = colour; ctx.fillText(text, x, y);
  }

  const visible = (places, view, draw) => places.forEach((place) => {
    if (place.zoom > view.zoom + 0.35 || view.zoom > (place.last ?? 99)) return;
    inCopies([place.x, place.y, place.x, place.y], view, (shift) =>
      draw(place, (place.x + shift) * view.scale - view.left, place.y * view.scale - view.top));
  });

  function areas(ctx, view, places, claim, font, colour, halo, spacing) {
    ctx.font = font; ctx.textAlign = "center"; ctx.letterSpacing = spacing;
    visible(places, view, (place, x, y) => {
      const width = ctx.measureText(place.name).width;
      if (claim(x - width / 2 - 4, y - 8, width + 8, 16)) write(ctx, place.name, x, y, colour, halo);
    });
    ctx.letterSpacing = "0px";
  }

  function cities(ctx, view, places, claim, colours) {
    visible(places, view, (place, x, y) => {
      const big = place.zoom <= view.zoom - 2.5, size = big ? 12.5 : 11.5;
      ctx.font = `${place.capital || big ? 600 : 400} ${size}px ${FONT}`;
      const width = ctx.measureText(place.name).width;
      const spots = [  // beside the dot, else above or below: alignment, text from the dot, left edge of the box
        ["left", [6, 0], -5], ["right", [-6, 0], -width - 11],
        ["center", [0, -13], -width / 2 - 8], ["center", [0, 13], -width / 2 - 8],
      ];
      const spot = spots.find(([, [, down], left]) => claim(x + left, y - 10 + down, width + 16, 20));
      if (!spot) return;
      const [align, [aside, down]] = spot;
      ctx.beginPath(); ctx.arc(x, y, place.capital ? 2.8 : 2.2, 0, 2 * Math.PI);
      ctx.lineWidth = 2.4; ctx.strokeStyle = colours.halo; ctx.stroke();
      ctx.fillStyle = colours.dot; ctx.fill();
      ctx.textAlign = align;
      write(ctx, place.name, x + aside, y + 0.5 + down, colours.city, colours.halo);
    });
  }

  function paintLabels(map, ctx, view, colours) {
    const names = store.labels;
    if (!names) return;
    const claim = room(markerBoxes(map, view));
    ctx.textBaseline = "middle"; ctx.lineJoin = "round";
    const wide = Math.min(13.5, 10 + 0.5 * view.zoom);
    if (view.zoom < 8)
      areas(ctx, view, names.countries, claim, `500 ${wide}px ${FONT}`, colours.country, colours.halo, "0.6px");
    cities(ctx, view, names.cities, claim, colours);
    if (view.zoom >= TOWNS_FROM && store.towns) cities(ctx, view, store.towns.cities, claim, colours);
    const sloped = `italic 400 ${wide + 0.5}px ${FONT}`;
    areas(ctx, view, names.seas, claim, sloped, colours.seaName, "transparent", "1px");
  }

  /** Puts the base map on `map`: land below the tile pane, labels above overlays and below markers. */
  function base(map, { theme, label }) {
    const colours = THEMES[theme] || THEMES.light, box = map.getContainer();
    box.classList.add("gl", `gl-${theme}`);
    box.style.background = colours.sea;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", label);
    for (const [name, level] of [["gl-land", 150], ["gl-labels", 450]])
      Object.assign(map.createPane(name).style, { zIndex: level, pointerEvents: "none" });
    const paint = (ctx, view) => { map.geoloc.level = paintLand(ctx, view, colours); };
    const land = new Canvas({ pane: "gl-land", paint });
    const labels = new Canvas({ pane: "gl-labels", paint: (ctx, view) => paintLabels(map, ctx, view, colours) });
    const redraw = () => { land.redraw(); labels.redraw(); };
    const detail = () => {
      need(LEVELS.find(([, from]) => map.getZoom() >= from)[0], redraw);
      need("labels", redraw);
      if (map.getZoom() >= 2.25) need("waters", redraw);
      if (map.getZoom() >= TOWNS_FROM) need("towns", redraw);
    };
    map.geoloc = { theme, labels, level: null, refit: null, pins: [] };
    land.addTo(map); labels.addTo(map);
    map.on("moveend", detail);
    map.attributionControl.setPrefix(false).addAttribution(CREDIT);
    L.control.scale({ imperial: false, maxWidth: 90 }).addTo(map);
    setTimeout(detail);
    keepSized(map);
  }

  /** Follows the size of its box; from afar the whole world fits into it, whichever side is the shorter. */
  function keepSized(map) {
    map.setMaxBounds([[-85.05, -1e6], [85.05, 1e6]]);
    new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = map.getContainer();
      if (!width || !height) return;
      map.setMinZoom(Math.max(0, Math.floor(Math.log2(Math.min(width, height) / 256) * 4) / 4));
      map.invalidateSize({ pan: false });
      if (map.geoloc.refit) map.geoloc.refit();
    }).observe(map.getContainer());
  }

  /** An online tile layer over the base map; our own labels step back once its tiles arrive. */
  function tiles(map, { url, attribution, maxZoom }) {
    const referrerPolicy = "strict-origin-when-cross-origin";  // OpenStreetMap's terms ask for the referrer
    L.tileLayer(url, { attribution, maxNativeZoom: maxZoom, maxZoom: 19, referrerPolicy })
      .on("tileload", () => { map.getPane("gl-labels").style.display = "none"; }).addTo(map);
  }

  return { base, tiles };
})());
