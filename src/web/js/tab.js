// What this tab remembers over a reload. A browser that keeps nothing for a site refuses that too: then it is as long as the page lives.

function storage() {
  try {
    sessionStorage.getItem("");
    return sessionStorage;
  } catch {
    const kept = new Map();
    return {
      getItem: (name) => kept.get(name) ?? null,
      setItem: (name, value) => kept.set(name, value),
      removeItem: (name) => kept.delete(name),
    };
  }
}

export const tab = storage();
