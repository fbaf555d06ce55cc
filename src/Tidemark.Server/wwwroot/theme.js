// The theme: the system's, light or dark. A classic script, which the browser runs before it paints.
(() => {
  const themes = ['system', 'light', 'dark'];
  const stored = () => {
    try {
      return localStorage.getItem('theme');
    } catch {
      return null;
    }
  };

  let theme = themes.includes(stored()) ? stored() : 'system';
  const apply = () => { document.documentElement.dataset.theme = theme; };
  apply();

  const show = button => {
    button.textContent = { system: '◐', light: '☀', dark: '☾' }[theme];
    button.title = `Theme: ${theme}`;
    button.setAttribute('aria-label', button.title);
  };

  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    show(button);
    button.addEventListener('click', () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try {
        localStorage.setItem('theme', theme);
      } catch { /* It holds until the page is left. */ }
      apply();
      show(button);
      document.dispatchEvent(new Event('themechange'));
    });
  });

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => document.dispatchEvent(new Event('themechange')));
})();
