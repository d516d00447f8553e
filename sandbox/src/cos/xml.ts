/** A tree to be written as XML: text, or members, or a list of members under one name. */
export type XmlNode = string | number | boolean | { [name: string]: XmlNode | XmlNode[] }

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => escapes[character]!)

function element(name: string, node: XmlNode | XmlNode[]): string {
  if (Array.isArray(node)) return node.map((item) => element(name, item)).join('')
  if (typeof node !== 'object') return `<${name}>${escaped(String(node))}</${name}>`
  const members = Object.entries(node).map(([member, value]) => element(member, value))
  return `<${name}>${members.join('')}</${name}>`
}

export const xmlDocument = (root: string, node: XmlNode) => `<?xml version='1.0' encoding='utf-8' ?>\n${element(root, node)}`
