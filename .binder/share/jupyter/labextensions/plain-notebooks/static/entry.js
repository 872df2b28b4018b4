// jupyterlab-myst renders all Markdown, that in notebooks too, where it unfolds <details>, sets no formula in them and
// numbers equations a second time. So notebooks make their cells with JupyterLab's own renderer; previews keep MyST.
// It is written as JupyterLab loads it (module federation), so that nothing has to be built.
(() => {
  const id = "plain-notebooks";
  let shared;

  // What JupyterLab shares with its extensions, in its newest version, which is JupyterLab's own.
  const load = async (name) => {
    const newest = (a, b) => b.localeCompare(a, undefined, { numeric: true });
    const version = Object.keys(shared[name]).sort(newest)[0];
    return (await shared[name][version].get())();
  };

  const extension = async () => {
    const { IEditorServices } = await load("@jupyterlab/codeeditor");
    const { NotebookPanel } = await load("@jupyterlab/notebook");
    const { markdownRendererFactory } = await load("@jupyterlab/rendermime");

    class Factory extends NotebookPanel.ContentFactory {
      createMarkdownCell(options) {
        const rendermime = options.rendermime.clone();
        rendermime.addFactory(markdownRendererFactory);
        return super.createMarkdownCell({ ...options, rendermime });
      }
    }

    // Its style sheet takes the triangle from everything that unfolds.
    const style = document.createElement("style");
    style.textContent = ".jp-RenderedMarkdown summary { list-style: revert; }";
    document.head.append(style);

    const plugin = {
      id: `${id}:content-factory`,
      autoStart: true,
      requires: [IEditorServices],
      provides: NotebookPanel.IContentFactory,
      activate: (app, services) => new Factory({ editorFactory: services.factoryService.newInlineEditor }),
    };
    return () => ({ __esModule: true, default: plugin });
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[id] = { init: (scope) => void (shared = scope), get: extension };
})();
