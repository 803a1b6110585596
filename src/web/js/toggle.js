// A button beside each passphrase that shows what was typed, and hides it again; what is sent is hidden first.

const { dataset } = document.querySelector('[data-id="texts"]');

function addToggle(field) {
  const box = document.createElement("span");
  const button = document.createElement("button");
  box.className = "with-toggle";
  button.type = "button";
  button.textContent = dataset.show;
  button.setAttribute("aria-label", dataset.passphraseShow);
  button.setAttribute("aria-controls", field.id);
  // As text it is the browser's to correct and to learn from, if nobody says otherwise.
  field.spellcheck = false;
  field.setAttribute("autocapitalize", "off");
  const turn = (shown) => {
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  turn(false);
  button.addEventListener("click", () => turn(field.type === "password"));
  for (const event of ["submit", "reset"]) field.form?.addEventListener(event, () => turn(false));
  field.replaceWith(box);
  box.append(field, button);
}

for (const field of document.querySelectorAll('main input[type="password"]:not([data-plain])')) addToggle(field);
