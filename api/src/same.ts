/**
 * When two values that are written differently mean the same, as CEL expressions of `self` and `oldSelf`. `.meta({ same })` puts one beside a schema, and
 * `.meta({ absent })` beside a field that may be left out, what it means then: who applies what means the same changes nothing, and is not refused.
 */

/** Of a list whose order and repetitions mean nothing. */
export const sameSet = 'self.all(one, one in oldSelf) && oldSelf.all(one, one in self)'

/** Of `host` or `host:port`. */
export const sameHost = 'self.lowerAscii() == oldSelf.lowerAscii()'

/** Of an address: capital letters in its host, a port that goes without saying and the slash of an empty path make no difference. */
export const sameAddress = both((url) => {
  const schemeAndUser = `${url}.find('^[a-z]+://([^/?#@]*@)?')`
  const host = `${url}.substring(size(${schemeAndUser})).find('^[^/?#]*')`
  const port = `(${host}.matches(':[0-9]+$') ? '' : ${url}.matches('^(https|wss):') ? ':443' : ':80')`
  const rest = `${url}.substring(size(${url}.find('^[a-z]+://[^/?#]*')))`
  return [schemeAndUser, `${host}.lowerAscii() + ${port}`, `(${rest}.startsWith('/') ? '' : '/') + ${rest}`]
})

/** Of a folder, whether it has slashes at its ends or not. */
export const sameFolder = both((path) => [`${path}.find('[^/](.*[^/])?')`])

/** What is the same of both, each part by itself. */
function both(parts: (value: string) => string[]): string {
  const [ofSelf, ofOldSelf] = [parts('self'), parts('oldSelf')]
  return ofSelf.map((part, index) => `${part} == ${ofOldSelf[index]}`).join(' && ')
}
