/* SPDX-License-Identifier: Apache-2.0 */
"use strict";

/* One WebGL view per phase; all of them look at one place, in mm. */

const RED = [0.9, 0.2, 0.15, 0.9], GREY = [0.85, 0.85, 0.85, 1];
const AXIAL = 0, MULTIPLANAR = 3, AUTO = 0, ROW = 3;
const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;

/** Name what draws: "none" without WebGL 2, "software" without a graphics card, or "card". */
export function renderer() {
  try {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) return "none";
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return SOFTWARE.test(name) ? "software" : "card";
  } catch { return "none"; }
}

export class Panes {
  /** phases, maps and regions: as the server describes them; moved: told the new place in mm. */
  constructor(scans, canvases, moved) {
    Object.assign(this, {scans, canvases, moved, place: null, views: new Map(), visible: []});
  }

  /** Show some phases, each in one axial plane or in three planes. */
  async show(phases, planes) {
    for (const at of phases) if (!this.views.has(at)) await this.load(at);
    this.visible = phases;
    for (const at of phases) {
      const view = this.views.get(at), canvas = this.canvases[at];
      const wide = canvas.clientWidth > 1.6 * canvas.clientHeight;
      view.setMultiplanarLayout(wide ? ROW : AUTO);
      view.setSliceType(planes ? MULTIPLANAR : AXIAL);
      view.resizeListener();
    }
    if (this.place) this.go(this.place);
  }

  async load(at) {
    const {Niivue} = await import("/vendor/niivue.js"), one = this.scans.phases[at];
    const view = new Niivue({
      isRadiologicalConvention: true, isNearestInterpolation: true, showAllOrientationMarkers: true,
      logLevel: "error", dragAndDropEnabled: false, backColor: [0, 0, 0, 1], fontColor: GREY,
      crosshairColor: RED, crosshairWidth: 0.4, crosshairWidthUnit: "percent",
      multiplanarShowRender: 0, viewModeHotKey: "", clipPlaneHotKey: "", cycleClipPlaneHotKey: "",
    });
    view.onLocationChange = () => this.follow(at);
    await view.attachToCanvas(this.canvases[at]);
    // The pane around it takes the keys; it is one stop of the tabulator, not two.
    this.canvases[at].tabIndex = -1;
    for (const {name, colour: [r, g, b]} of this.scans.regions) {
      view.addColormap(`region ${name}`, {R: [0, r], G: [0, g], B: [0, b], A: [0, 255], I: [0, 255]});
    }
    await view.loadVolumes([
      {url: one.image, name: "image.nii", colormap: "gray", cal_min: one.low, cal_max: one.high},
      ...one.regions.map((region, n) => ({
        url: region.url, name: `region${n}.nii`, colormap: `region ${region.name}`, cal_min: 0, cal_max: 1, opacity: 0.4,
      })),
    ]);
    this.views.set(at, view);
  }

  /** Draw with a window per phase, opacities of regions by name, and one map or none. */
  async look({ends, opacity, ticks, map, strength}) {
    for (const at of this.visible) {
      const view = this.views.get(at), one = this.scans.phases[at], last = view.volumes.length - 1;
      if (view.map !== map) {
        if (last > one.regions.length) view.removeVolume(view.volumes[last]);
        if (map >= 0) {
          const {url, low, high} = this.scans.maps[map];
          await view.addVolumeFromUrl({url, name: "map.nii", colormap: "inferno", cal_min: low, cal_max: high, opacity: strength});
        }
        view.map = map;
      }
      const [low, high] = ends(at);
      Object.assign(view.volumes[0], {cal_min: low, cal_max: high});
      one.regions.forEach((region, n) => { view.volumes[n + 1].opacity = ticks.has(region.name) ? opacity : 0; });
      if (map >= 0) view.volumes[one.regions.length + 1].opacity = strength;
      view.updateGLVolume();
    }
  }

  /** Look at a place: right, front and head positive, mm. */
  go(place) {
    for (const at of this.visible) {
      const view = this.views.get(at);
      view.scene.crosshairPos = view.mm2frac(place);
      view.drawScene();
      this.note(at);
    }
    this.place = place;
  }

  /** Move by voxels of the first phase that is shown. */
  step(dx, dy, dz) {
    const view = this.views.get(this.visible[0]);
    if (view) view.moveCrosshairInVox(dx, dy, dz);
  }

  follow(at) {
    const view = this.views.get(at);
    if (!view || !this.visible.includes(at)) return;
    this.place = [...view.frac2mm(view.scene.crosshairPos)].slice(0, 3);
    this.note(at);
    for (const other of this.visible) {
      if (other === at) continue;
      const linked = this.views.get(other);
      linked.scene.crosshairPos = linked.mm2frac(this.place);
      linked.drawScene();
      this.note(other);
    }
    this.moved(this.place);
  }

  note(at) {
    const view = this.views.get(at);
    this.canvases[at].dataset.place = [...view.frac2mm(view.scene.crosshairPos)].slice(0, 3).map(v => v.toFixed(1)).join(" ");
  }
}
