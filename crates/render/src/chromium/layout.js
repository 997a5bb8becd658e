// The elements of a slide that are not display: none, in the order of the document; null if there
// are too many. Runs in a world of its own. Forms may hide the properties of their elements behind
// fields of the same names, so properties are taken from the prototypes.
((MOST, MOST_LINES, MOST_DEPTH) => {
    const from = (prototype, key) => {
        const { get, value } = Object.getOwnPropertyDescriptor(prototype, key);
        return get ? (node) => get.call(node) : (node) => value.call(node);
    };
    const tagName = from(Element.prototype, 'tagName');
    const classList = from(Element.prototype, 'classList');
    const box = from(Element.prototype, 'getBoundingClientRect');
    const parentElement = from(Node.prototype, 'parentElement');
    const childNodes = from(Node.prototype, 'childNodes');
    const textContent = from(Node.prototype, 'textContent');
    const innerText = from(HTMLElement.prototype, 'innerText');
    // Colours of other notations are opaque.
    const alpha = (color) => {
        if (!color || color === 'transparent') return 0;
        const list = color.match(/^rgba?\(([^)]*)\)$/i);
        if (!list) return 1;
        const parts = list[1].split(/[,\/]/).map((part) => parseFloat(part));
        return parts.length >= 4 ? parts[3] : 1;
    };
    const words = (text) => text.replace(/\s+/g, ' ').trim().slice(0, 240);
    const sides = ['Top', 'Right', 'Bottom', 'Left'];
    const rows = [], places = new Map(), all = document.querySelectorAll('*');
    if (all.length > 4 * MOST) return null;
    let lines = 0;
    for (let n = 0; n < all.length; n += 1) {
        const node = all[n], around = parentElement(node);
        const parent = around ? places.get(around) : { row: -1, depth: 0 };
        if (!parent) continue;
        const style = getComputedStyle(node);
        if (style.display === 'none') continue;
        const depth = parent.depth + 1;
        if (rows.length >= MOST || depth > MOST_DEPTH) return null;
        const edge = (side) => style[`border${side}Style`] !== 'none'
            && parseFloat(style[`border${side}Width`]) >= 1 && alpha(style[`border${side}Color`]) >= 0.05;
        const { left, top, width, height } = box(node);
        const row = {
            node: n, parent: parent.row, tag: tagName(node).toLowerCase().slice(0, 64),
            rect: [left, top, width, height], opacity: parseFloat(style.opacity || '1'),
            visibility: style.visibility, background: alpha(style.backgroundColor),
            image: !!style.backgroundImage && style.backgroundImage !== 'none', border: sides.some(edge),
            clips: [style.overflowX !== 'visible', style.overflowY !== 'visible'],
            placed: style.position === 'absolute' || style.position === 'fixed',
            font: parseFloat(style.fontSize) || 0,
            classes: [...classList(node)].join(' ').slice(0, 512),
            icons: (style.fontFamily || '').toLowerCase().includes('material icons'), length: 0, lines: [],
        };
        const text = textContent(node);
        if (text.trim()) {
            row.length = words(node instanceof HTMLElement ? innerText(node) : text).length;
            for (const child of childNodes(node)) {
                if (child.nodeType !== 3 || !child.data.trim()) continue;
                const range = document.createRange();
                range.selectNodeContents(child);
                const boxes = range.getClientRects();
                lines += boxes.length;
                if (lines > MOST_LINES) return null;
                for (const r of boxes) if (r.width > 0 && r.height > 0) row.lines.push([r.left, r.top, r.width, r.height]);
            }
        }
        places.set(node, { row: rows.length, depth });
        rows.push(row);
    }
    return rows;
})(MOST, MOST_LINES, MOST_DEPTH)
