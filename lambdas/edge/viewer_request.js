// Viewer-request function (CloudFront Functions, runtime 2.0): turns /img/{imageId}?w=800&dpr=2&ar=1:1&fmt=auto
// into the path of one derivative, /{imageId}/1600x1600.avif, which is then the whole cache key.
// inline.py puts the settings in place of EDGE_SETTINGS and drops lines of comment from what is deployed.
// Only language that the runtime has: no class, default parameter, Map, replaceAll, optional chaining or spread.

const settings = EDGE_SETTINGS;

// (?![\s\S]) is the end of the text. In njs $ also fits before a last line break.
const IMAGE_PATH = /^\/img\/([^\/]*)(?![\s\S])/;
const IMAGE_ID = /^(p-)?[0-9a-f]{32}(?![\s\S])/;
const PIXELS = /^[1-9][0-9]{0,4}(?![\s\S])/;
const DENSITY = /^(10|[0-9])(\.[0-9]{1,20})?(?![\s\S])/;
const QUALITY = /^(0(\.[0-9]{0,3})?|1(\.0{0,3})?)(?![\s\S])/;

const REASONS = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found' };

// A value from the request, shown as one line of bounded length.
function shown(value) {
    return JSON.stringify(value.slice(0, 80));
}

function refusal(status, message) {
    const headers = {
        'content-type': { value: 'text/plain; charset=utf-8' },
        'x-content-type-options': { value: 'nosniff' },
        'cache-control': { value: status === 401 ? 'no-store' : 'public, max-age=' + settings.refusalSeconds },
    };
    if (status === 401) {
        headers['www-authenticate'] = { value: 'Bearer' };
    }
    return {
        statusCode: status,
        statusDescription: REASONS[status],
        headers: headers,
        body: { encoding: 'text', data: message + '\n' },
    };
}

// A parameter's values, percent-decoded; what cannot be decoded stays as it came and fits no pattern below.
function parameterValues(request, name) {
    const entry = request.querystring[name];
    if (!entry) {
        return [];
    }
    return (entry.multiValue || [entry]).map(function (item) {
        try {
            return decodeURIComponent(item.value);
        } catch (error) {
            return item.value;
        }
    });
}

// A header's value, its repetitions joined as HTTP joins them; an absent one is empty.
function headerValue(request, name) {
    const entry = request.headers[name];
    if (!entry) {
        return '';
    }
    return (entry.multiValue || [entry])
        .map(function (item) {
            return item.value;
        })
        .join(',')
        .trim();
}

function isPixels(text) {
    return PIXELS.test(text);
}

function isDensity(text) {
    return DENSITY.test(text) && Number(text) > 0 && Number(text) <= 10;
}

function isRatio(text) {
    return settings.ratios.indexOf(text) >= 0;
}

function isFormat(text) {
    return settings.formats.indexOf(text) >= 0;
}

// One parameter as {value}, {refused: what was expected} or, where the URL leaves it out, neither.
function readParameter(request, name, isWellFormed, expectation) {
    const values = parameterValues(request, name);
    if (values.length > 1) {
        return { refused: 'expected ' + name + ' once but received it ' + values.length + ' times' };
    }
    if (values.length === 1 && !isWellFormed(values[0])) {
        return { refused: 'expected ' + expectation + ' for ' + name + ' but received ' + shown(values[0]) };
    }
    return { value: values[0] };
}

// The first client hint of these names that is well formed; a malformed hint counts as absent.
function readHint(request, names, isWellFormed) {
    for (let i = 0; i < names.length; i++) {
        const text = headerValue(request, names[i]);
        if (isWellFormed(text)) {
            return Number(text);
        }
    }
    return undefined;
}

// Pixels that the viewer needs across. w is in CSS pixels and grows with the density; the Width hint
// is in device pixels already, and so is the default.
function neededPixels(request, width, density) {
    if (width !== undefined) {
        const stated = density === undefined ? readHint(request, ['sec-ch-dpr', 'dpr'], isDensity) : Number(density);
        return Number(width) * (stated || 1);
    }
    return readHint(request, ['sec-ch-width', 'width'], isPixels) || settings.defaultWidth;
}

function rungIndex(request, pixels) {
    let index = 0;
    while (index < settings.widths.length - 1 && settings.widths[index] < pixels) {
        index++;
    }
    const saving = headerValue(request, 'save-data').toLowerCase() === 'on';
    return saving ? Math.max(index - 1, 0) : index;
}

// Whether Accept names the type itself, and never with q=0 or a q that is none (RFC 9110, 12.4.2).
// A range such as image/* is what every client sends, those that know neither AVIF nor WebP too.
function accepts(accept, type) {
    const named = accept.split(',').filter(function (range) {
        return range.split(';')[0].trim() === type;
    });
    return named.length > 0 && named.every(function (range) {
        return range.split(';').slice(1).every(function (parameter) {
            const pair = parameter.split('=');
            const quality = pair.slice(1).join('=').trim();
            return pair[0].trim() !== 'q' || (QUALITY.test(quality) && Number(quality) > 0);
        });
    });
}

function negotiatedFormat(request) {
    const accept = headerValue(request, 'accept').toLowerCase();
    if (accepts(accept, 'image/avif')) {
        return 'avif';
    }
    return accepts(accept, 'image/webp') ? 'webp' : 'jpeg';
}

function handler(event) {
    const request = event.request;
    const match = IMAGE_PATH.exec(request.uri);
    if (!match) {
        return refusal(404, 'expected /img/ and an image id but received ' + shown(request.uri));
    }
    const imageId = match[1];
    if (!IMAGE_ID.test(imageId)) {
        return refusal(400, 'expected [p-] and 32 lower-case hex digits for an image id but received ' + shown(imageId));
    }
    if (imageId.indexOf('p-') === 0) {
        return refusal(401, 'expected a token for a private image but received none');
    }
    const w = readParameter(request, 'w', isPixels, 'a whole number of pixels from 1 to 99999');
    const dpr = readParameter(request, 'dpr', isDensity, 'a number above 0 and up to 10');
    const ar = readParameter(request, 'ar', isRatio, 'one of ' + settings.ratios.join(', '));
    const fmt = readParameter(request, 'fmt', isFormat, 'one of ' + settings.formats.join(', '));
    const refused = w.refused || dpr.refused || ar.refused || fmt.refused;
    if (refused) {
        return refusal(400, refused);
    }
    const rung = rungIndex(request, neededPixels(request, w.value, dpr.value));
    const height = ar.value === undefined ? 0 : settings.heights[ar.value][rung];
    const format = fmt.value === undefined || fmt.value === 'auto' ? negotiatedFormat(request) : fmt.value;
    request.uri = '/' + imageId + '/' + settings.widths[rung] + 'x' + height + '.' + format;
    request.querystring = {};
    return request;
}
