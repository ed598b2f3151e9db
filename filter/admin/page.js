'use strict';
(() => {
  const interval = 5000, stale = document.getElementById('stale'), pause = document.getElementById('pause');
  let paused = false, failed = 0;
  const closed = new Set(), opened = new Set();
  document.addEventListener('toggle', (e) => {
    if (e.target.id) {
      (e.target.open ? opened : closed).add(e.target.id);
      (e.target.open ? closed : opened).delete(e.target.id);
    }
  }, true);
  pause.hidden = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.textContent = paused ? 'Go on' : 'Pause';
    pause.setAttribute('aria-pressed', String(paused));
  });
  async function refresh() {
    if (paused || document.hidden || String(getSelection())) {
      return;
    }
    try {
      const answer = await fetch(location.href, {headers: {Accept: 'text/html'}, cache: 'no-store'});
      if (!answer.ok) {
        throw new Error(answer.status);
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const details of fresh.querySelectorAll('details')) {
        details.open = opened.has(details.id) || details.open && !closed.has(details.id);
      }
      document.getElementById('main').replaceWith(fresh.getElementById('main'));
      document.title = fresh.title;
      document.querySelector('link[rel=icon]').href = fresh.querySelector('link[rel=icon]').href;
      failed = 0;
      stale.textContent = '';
    } catch {
      if (failed++ > 0) {
        stale.textContent = 'No answer: what is shown is old.';
      }
    }
  }
  setInterval(refresh, interval);
})();
