// What the page does beyond showing: a click on a file's bar plays that file from there, and a line shows where it is.
const keyOf = ({ dataset }) => JSON.stringify([dataset.recording, dataset.path])
const players = new Map([...document.querySelectorAll('video, audio')].map((player) => [keyOf(player), player]))
const bars = new Map([...document.querySelectorAll('button.file')].map((bar) => [keyOf(bar), bar]))

for (const [key, bar] of bars) {
  const player = players.get(key)
  bar.addEventListener('click', (event) => {
    const box = bar.getBoundingClientRect()
    // A key press has no place; it plays from the start.
    const part = event.detail === 0 ? 0 : Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))
    const seek = () => {
      player.currentTime = part * player.duration
      player.play()
    }
    if (player.readyState >= 1) seek()
    else {
      player.addEventListener('loadedmetadata', seek, { once: true })
      player.load()
    }
    player.scrollIntoView({
      block: 'nearest',
      behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth',
    })
  })
  const line = bar.closest('.timeline').querySelector('.playhead')
  const show = () => {
    const span = Date.parse(bar.dataset.end) - Date.parse(bar.dataset.start)
    const part = Math.min(1, (player.currentTime * 1000) / span)
    const track = bar.closest('.track').getBoundingClientRect()
    const timeline = bar.closest('.timeline').getBoundingClientRect()
    const box = bar.getBoundingClientRect()
    line.hidden = false
    line.style.left = `${Math.max(track.left, box.left + part * box.width) - timeline.left}px`
  }
  player.addEventListener('timeupdate', show)
  player.addEventListener('play', () => {
    for (const other of players.values()) if (other !== player) other.pause()
    for (const other of bars.values()) other.classList.toggle('playing', other === bar)
  })
  player.addEventListener('pause', () => bar.classList.remove('playing'))
}
