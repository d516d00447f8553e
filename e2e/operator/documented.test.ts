import { expect, test } from 'vitest'
import { documentedObjects } from './documented.ts'

test('the pages for users begin with an example, and each is found', async () => {
  const pages = (await documentedObjects()).map(({ page }) => page)
  for (const use of ['events', 'live-sound', 'replay', 'speech', 'stills', 'watching'])
    expect(pages).toContain(`docs/uses/${use}.md`)
  for (const page of ['docs/recording.md', 'docs/clips.md', 'docs/auto-record.md']) expect(pages).toContain(page)
  // Beside the first of each page what it shows of single fields.
  expect(pages.filter((page) => page === 'docs/uses/replay.md')).toHaveLength(3)
})
