// Whatever scrolls sideways can be reached and moved by the keyboard, and only while it scrolls.
(() => {
  const parts = document.querySelectorAll("mjx-container[display], div.math, .pst-scrollable-table-container, .cell_output, pre");
  const mark = () => {
    for (const part of parts) {
      const scrolls = part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflowX !== "visible";
      if (scrolls) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  };
  let timer;
  mark();
  addEventListener("load", mark);
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(mark, 200);
  });
})();
