// Keys that are shortcuts, and keys that are text.

// Whether a key pressed there is meant for a field.
function isTyping(target) {
  return Boolean(target.closest?.('input:not([type="checkbox"]):not([type="radio"]), textarea, select, [contenteditable="true"]'));
}

// What was pressed, "g t" for a "t" after a "g".
function afterKeys(before, key) {
  return before === "g" ? `g ${key}` : key;
}
