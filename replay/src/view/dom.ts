type Child = Node | string | undefined | false
type Properties = Record<string, string | number | boolean | undefined | ((event: never) => void)>

/** An element: `on…` are listeners, `class` and everything with a dash are attributes, the rest properties. Text is never markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue
    if (typeof value === 'function') made.addEventListener(name.slice(2), value as EventListener)
    else if (name === 'class' || name === 'role' || name === 'for' || name.includes('-')) made.setAttribute(name, String(value))
    else Object.assign(made, { [name]: value })
  }
  made.append(...children.filter((child) => child !== undefined && child !== false))
  return made
}

/** Sets a text only where it changes: a reader that speaks (aria-live) hears it once. */
export function say(where: HTMLElement, text: string): void {
  if (where.textContent !== text) where.textContent = text
}

/** Lines of icons, 24 by 24. */
const shapes = {
  play: 'M8 5v14l11-7z',
  // With their strokes two bars that are apart.
  pause: 'M7.5 6H9v12H7.5zM15 6h1.5v12H15z',
  back: 'M11 7 5 12l6 5zM19 7l-6 5 6 5z',
  forward: 'M13 7l6 5-6 5zM5 7l6 5-6 5z',
  loud: 'M4 9v6h4l5 4V5L8 9zM16 8.5a5 5 0 0 1 0 7M18.5 6a8.5 8.5 0 0 1 0 12',
  silent: 'M4 9v6h4l5 4V5L8 9zM16 9.5l5 5M21 9.5l-5 5',
  large: 'M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5',
  link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1',
} as const
export type Icon = keyof typeof shapes

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  setIcon(svg, name)
  return svg
}

export function setIcon(svg: SVGSVGElement, name: Icon): void {
  if (svg.dataset.icon === name) return
  svg.dataset.icon = name
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', shapes[name])
  svg.replaceChildren(path)
}
