// Viewer-request function (CloudFront Functions, runtime 2.0): rewrites /img/{imageId}?w=800&dpr=2&ar=1:1&fmt=auto
// to the path of one derivative, /{imageId}/1600x1600.avif, which is the whole cache key.
// inline.py replaces EDGE_SETTINGS with the settings and removes comment lines before deployment.
// Only what the runtime supports: no class, default parameter, Map, replaceAll, optional chaining or spread.

import cf from 'cloudfront';
import crypto from 'crypto';

const keys = cf.kvs();
const settings = EDGE_SETTINGS;

// (?![\s\S]) matches the end of the text. In njs, $ also matches before a final line break.
const IMAGE_PATH = /^\/img\/([^\/]*)(?![\s\S])/;
const IMAGE_ID = /^(p-)?[0-9a-f]{32}(?![\s\S])/;
const PIXELS = /^[1-9][0-9]{0,4}(?![\s\S])/;
const DENSITY = /^(10|[0-9])(\.[0-9]{1,20})?(?![\s\S])/;
const QUALITY = /^(0(\.[0-9]{0,3})?|1(\.0{0,3})?)(?![\s\S])/;
const BEARER = /^bearer +([^ ]*)(?![\s\S])/i;
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}(?![\s\S])/;
const KEY_ID = /^[A-Za-z0-9._-]{1,64}(?![\s\S])/;
const KEY = /^[A-Za-z0-9_-]{43,200}(?![\s\S])/;
const TENANT = /^[a-z][a-z0-9-]{1,31}(?![\s\S])/;
const ID_PREFIX = /^p-[0-9a-f]{8,32}(?![\s\S])/;

const REASONS = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' };

// A value from the request as one line of bounded length.
function shown(value) {
    return JSON.stringify(value.slice(0, 80));
}

function refusal(status, message, challenge) {
    const headers = {
        'content-type': { value: 'text/plain; charset=utf-8' },
        'x-content-type-options': { value: 'nosniff' },
    };
    if (challenge) {
        headers['www-authenticate'] = { value: challenge };
    }
    return {
        statusCode: status,
        statusDescription: REASONS[status],
        headers: headers,
        body: { encoding: 'text', data: message + '\n' },
    };
}

// A parameter's values, percent-decoded. Malformed ones stay as they are and match no pattern below.
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

// A header's value, repetitions joined by commas; empty if absent.
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

// One parameter as {value}, as {refused: reason}, or as {value: undefined} if the URL does not have it.
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

// The first well-formed client hint of these names; malformed hints are ignored.
function readHint(request, names, isWellFormed) {
    for (let i = 0; i < names.length; i++) {
        const text = headerValue(request, names[i]);
        if (isWellFormed(text)) {
            return Number(text);
        }
    }
    return undefined;
}

// The requested width in device pixels; undefined if there is none. w is in CSS pixels and is multiplied by the density;
// the Width hint is already in device pixels.
function requestedPixels(request, width, density) {
    if (width !== undefined) {
        const stated = density === undefined ? readHint(request, ['sec-ch-dpr', 'dpr'], isDensity) : Number(density);
        return Number(width) * (stated || 1);
    }
    return readHint(request, ['sec-ch-width', 'width'], isPixels);
}

// Logs variant_pixels to the access log, which omits the query string because that may contain a token. A slash would be
// percent-encoded in the field.
// logCustomData is newer than the runtime: without it, images are served all the same.
function logVariant(variant, pixels) {
    if (cf.logCustomData) {
        cf.logCustomData(variant + '_' + (pixels ? Math.ceil(pixels) : ''));
    }
}

function rungIndex(request, pixels) {
    let index = 0;
    while (index < settings.widths.length - 1 && settings.widths[index] < pixels) {
        index++;
    }
    const saving = headerValue(request, 'save-data').toLowerCase() === 'on';
    return saving ? Math.max(index - 1, 0) : index;
}

// Whether Accept names the type itself, and never with q=0 or a malformed q (RFC 9110, 12.4.2).
// Ranges such as image/* do not count: clients without AVIF and WebP support send them too.
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

// The token of ?token=, else of the Authorization header, else of the cookie; empty if there is none.
// A repeated token is joined, which makes it invalid.
function presentedToken(request) {
    const stated = parameterValues(request, 'token');
    if (stated.length > 0) {
        return stated.join(',');
    }
    const bearer = BEARER.exec(headerValue(request, 'authorization'));
    if (bearer) {
        return bearer[1];
    }
    const cookie = (request.cookies || {}).token;
    return cookie ? (cookie.multiValue || [cookie]).map((item) => item.value).join(',') : '';
}

// A part of a token as an object; empty if malformed.
function decoded(part) {
    try {
        const value = JSON.parse(Buffer.from(part, 'base64url').toString());
        return value && typeof value === 'object' ? value : {};
    } catch (error) {
        return {};
    }
}

// Compares in constant time for texts of equal length.
function isSame(one, other) {
    let difference = one.length ^ other.length;
    for (let i = 0; i < one.length; i++) {
        difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
    }
    return difference === 0;
}

async function findKey(header) {
    if (header.alg !== 'HS256' || header.crit !== undefined || typeof header.kid !== 'string' || !KEY_ID.test(header.kid)) {
        return '';
    }
    try {
        const key = await keys.get(header.kid);
        return KEY.test(key) ? key : '';
    } catch (error) {
        return '';
    }
}

// Each of the three claims that is present must match, and at least one must be present. A tenant's private ids begin
// with digits of the hash of its name (keys.py).
function grants(claims, imageId) {
    const prefixes = [];
    const add = function (claim, pattern, prefixOf) {
        if (claims[claim] !== undefined) {
            const isWellFormed = typeof claims[claim] === 'string' && pattern.test(claims[claim]);
            prefixes.push(isWellFormed ? prefixOf(claims[claim]) : ' ');
        }
    };
    add('image', IMAGE_ID, (id) => id);
    add('prefix', ID_PREFIX, (prefix) => prefix);
    add('tenant', TENANT, (name) => 'p-' + crypto.createHash('sha256').update(name).digest('hex').slice(0, settings.tenantDigits));
    return prefixes.length > 0 && prefixes.every((prefix) => imageId.indexOf(prefix) === 0);
}

// The refusal of a request for a private image; undefined if its token is valid (RFC 6750, 7519, 7515).
async function tokenRefusal(request, imageId) {
    const token = presentedToken(request);
    const invalid = (expected) => refusal(401, 'expected a token ' + expected + ' but received another', 'Bearer error="invalid_token"');
    if (token === '') {
        return refusal(401, 'expected a token for a private image but received none', 'Bearer');
    }
    if (token.length > settings.tokenBytes || !TOKEN.test(token)) {
        return invalid('of three parts and at most ' + settings.tokenBytes + ' bytes');
    }
    const parts = token.split('.');
    const key = await findKey(decoded(parts[0]));
    if (key === '') {
        return invalid('signed with HS256 by a known key');
    }
    const mac = crypto.createHmac('sha256', Buffer.from(key, 'base64url')).update(parts[0] + '.' + parts[1]);
    if (!isSame(mac.digest('base64url'), parts[2])) {
        return invalid('signed with the key that it names');
    }
    const claims = decoded(parts[1]);
    const now = Date.now() / 1000;
    if (typeof claims.exp !== 'number' || !(now < claims.exp)) {
        return invalid('that has not expired');
    }
    if (claims.nbf !== undefined && !(typeof claims.nbf === 'number' && claims.nbf <= now + settings.leewaySeconds)) {
        return invalid('that is already valid');
    }
    return grants(claims, imageId) ? undefined : refusal(403, 'expected a token for this image but received another');
}

// The rewritten request, or a refusal.
async function decide(request) {
    const match = IMAGE_PATH.exec(request.uri);
    if (!match) {
        return refusal(404, 'expected /img/ and an image id but received ' + shown(request.uri));
    }
    const imageId = match[1];
    if (!IMAGE_ID.test(imageId)) {
        return refusal(400, 'expected [p-] and 32 lower-case hex digits for an image id but received ' + shown(imageId));
    }
    if (imageId.indexOf('p-') === 0) {
        const refusedToken = await tokenRefusal(request, imageId);
        if (refusedToken) {
            return refusedToken;
        }
    }
    const w = readParameter(request, 'w', isPixels, 'a whole number of pixels from 1 to 99999');
    const dpr = readParameter(request, 'dpr', isDensity, 'a number above 0 and up to 10');
    const ar = readParameter(request, 'ar', isRatio, 'one of ' + settings.ratios.join(', '));
    const fmt = readParameter(request, 'fmt', isFormat, 'one of ' + settings.formats.join(', '));
    const refused = w.refused || dpr.refused || ar.refused || fmt.refused;
    if (refused) {
        return refusal(400, refused);
    }
    const pixels = requestedPixels(request, w.value, dpr.value);
    const rung = rungIndex(request, pixels || settings.defaultWidth);
    const height = ar.value === undefined ? 0 : settings.heights[ar.value][rung];
    const format = fmt.value === undefined || fmt.value === 'auto' ? negotiatedFormat(request) : fmt.value;
    const variant = settings.widths[rung] + 'x' + height + '.' + format;
    logVariant(variant, pixels);
    request.uri = '/' + imageId + '/' + variant;
    request.querystring = {};
    request.cookies = {};
    delete request.headers.authorization;
    return request;
}

async function handler(event) {
    // Refusals of private images are not cacheable. Checked first: decide rewrites the path.
    const isPrivate = event.request.uri.indexOf('/p-') >= 0;
    const decided = await decide(event.request);
    if (decided.statusCode) {
        const cacheControl = isPrivate ? 'no-store' : 'public, max-age=' + settings.refusalSeconds;
        decided.headers['cache-control'] = { value: cacheControl };
    }
    return decided;
}
