// Whatever scrolls sideways can be reached with the keyboard, as soon as it does: a narrow window, an opened cell.
const sideways = "pre, mjx-container[display], span.math, .pst-scrollable-table-container, .cell_output, .cell_output > .output";
const reach = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(sideways)) reach.observe(box);

// Before a link leads into the page, all of it is laid out (see course.css).
document.addEventListener("click", (event) => {
  if (event.target.closest("a[href*='#']")) document.documentElement.classList.add("all-laid-out");
}, { capture: true });
