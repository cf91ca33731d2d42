import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** The vendors' published schemas: the types of their own SDKs, as installed. */
const root = new URL('../../node_modules/', import.meta.url)

/** Which version of the package it is. */
export function versionOf (name: string): string {
  return (JSON.parse(readFileSync(new URL(`${name}/package.json`, root), 'utf8')) as { version: string }).version
}

/** An SDK's file of types. */
export class VendorTypes {
  readonly #source: ts.SourceFile

  /** @param path below node_modules */
  constructor (path: string) {
    this.#source = ts.createSourceFile(path, readFileSync(new URL(path, root), 'utf8'), ts.ScriptTarget.Latest)
  }

  /** The fields of an interface, without those that travel as headers. */
  fields (name: string): string[] {
    return this.#interface(...name.split('.')).members.filter(ts.isPropertySignature)
      .filter((member) => !member.getFullText(this.#source).includes('* Header param'))
      .map((member) => member.name.getText(this.#source))
  }

  /** What a union's members have as `type`. */
  kinds (name: string): string[] {
    const union = this.#source.statements.find((node) => ts.isTypeAliasDeclaration(node) && node.name.text === name)
    if (union === undefined || !ts.isTypeAliasDeclaration(union) || !ts.isUnionTypeNode(union.type)) throw new Error(`no union ${name}`)
    return union.type.types.flatMap((member) => {
      const path = member.getText(this.#source).split('.')
      const type = this.#interface(...path).members.find((field) => field.name?.getText(this.#source) === 'type')?.getText(this.#source) ?? ''
      return [...type.matchAll(/'(\w+)'/g)].map(([, kind = '']) => kind).slice(0, 1)
    })
  }

  /** By its name, or by namespace and name. */
  #interface (...path: string[]): ts.InterfaceDeclaration {
    let statements: readonly ts.Statement[] = this.#source.statements
    for (const space of path.slice(0, -1)) {
      const found = statements.find((node) => ts.isModuleDeclaration(node) && node.name.text === space)
      if (found !== undefined && ts.isModuleDeclaration(found) && found.body !== undefined && ts.isModuleBlock(found.body)) statements = found.body.statements
    }
    const found = statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === path.at(-1))
    if (found === undefined || !ts.isInterfaceDeclaration(found)) throw new Error(`no interface ${path.join('.')}`)
    return found
  }
}
