-- SPDX-License-Identifier: MPL-2.0
-- Test-only: makes prosody-modules' sasl2 family (hg20230223, written for trunk) run on Prosody 0.12.3.
-- load it BEFORE sasl2 in modules_enabled.
local st = require "util.stanza";
local ns = "urn:xmpp:sm:3";

-- 1. connection methods which only exist in trunk
module:hook("stream-features", function (event)
	local conn = event.origin.conn;
	local mt = getmetatable(conn).__index;
	if type(mt) == "table" and not mt.ssl_info then
		function mt:ssl_info() local s = self:socket(); return s.info and s:info(); end
		function mt:ssl_peerfinished() local s = self:socket(); return s.getpeerfinished and s:getpeerfinished(); end
		function mt:ssl_exportkeyingmaterial(...) local s = self:socket(); return s.exportkeyingmaterial and s:exportkeyingmaterial(...); end
	end
end, 1000);

-- 2. do_enable/do_resume of trunk's mod_smacks, on top of the 0.12 handlers
local smacks = module:depends("smacks");
local registry = module:shared("/*/smacks/resumption-tokens");
local jid = require "util.jid";

local function capture(session)
	local real, buf = session.send, {};
	session.send = setmetatable({}, { __call = function (_, s) buf[#buf+1] = s; return true; end });
	return real, buf;
end

function smacks.do_enable(session, el)
	local real, buf = capture(session);
	smacks.handle_enable(session, el, ns);
	session.send = real;
	local r = buf[1];
	if r.name == "failed" then return nil, { type = "cancel", condition = "unexpected-request" }; end
	return { type = "enabled", id = r.attr.id, resume_max = r.attr.max, session = session, finish = function () end };
end

function smacks.do_resume(session, el)
	local old = registry[jid.join(session.username, session.host, el.attr.previd)];
	local real, buf = capture(session);
	smacks.handle_resume(session, el, ns);
	local r = buf[1];
	if not old or r.name == "failed" then
		session.send = real;
		return nil, { type = "cancel", condition = "item-not-found", context = { h = tonumber(r.attr.h) } };
	end
	old.send = real;
	old.sasl_handler, old.client_id = session.sasl_handler, session.client_id; -- mod_sasl2_fast looks at them
	return { type = "resumed", id = el.attr.previd, session = old, finish = function ()
		for i = 2, #buf do real(buf[i]); end
	end };
end

-- 3. trunk passes the <stream:stream> attributes along; mod_sasl2_fast only checks that a localpart is there
module:hook("advertise-sasl-features", function (event)
	if not event.stream then event.stream = { from = "unknown@"..module.host }; end
end, 1000);

-- 4. 0.12's util.datetime rejects fractional timestamps, mod_sasl2_fast passes one
local dt = require "util.datetime";
local dt_orig = dt.datetime;
function dt.datetime(t) return dt_orig(t and math.floor(t)); end

-- 5. stanza:get_child_attr() is trunk only
local smt = getmetatable(st.stanza("x")).__index;
if not smt.get_child_attr then
	function smt:get_child_attr(name, xmlns, attr) local c = self:get_child(name, xmlns); return c and c.attr[attr]; end
end

-- 6. stanza:add_error() is trunk only (used for <failed/> of an inline resume/bind)
if not smt.add_error then
	function smt:add_error(err)
		return self:tag(err.condition or "undefined-condition", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up();
	end
end
