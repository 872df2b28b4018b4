// Whatever scrolls sideways can be reached with the keyboard, as soon as it does: a narrow window, an opened cell.
const sideways = "pre, mjx-container[display], span.math, .pst-scrollable-table-container, .cell_output, .cell_output > .output";
const reach = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(sideways)) reach.observe(box);

// The whole page is laid out when it has come, or at once for a link into it (see course.css).
const layOutAll = () => document.documentElement.classList.add("all-laid-out");
addEventListener("load", () => setTimeout(layOutAll, 500));
document.addEventListener("click", (event) => {
  if (event.target.closest("a[href*='#']")) layOutAll();
}, { capture: true });
