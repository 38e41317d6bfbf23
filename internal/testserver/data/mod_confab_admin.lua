-- SPDX-License-Identifier: MPL-2.0
-- Test-only: manages accounts over HTTP on loopback, guarded by a secret, so
-- that a test need not start prosodyctl for every account.
local usermanager = require "core.usermanager";
local rostermanager = require "core.rostermanager";
local formdecode = require "util.http".formdecode;

local host = module.host;
local secret = module:get_option_string("confab_admin_secret");

-- Closes every stream of a user, including those that wait to be resumed.
local function kick(user)
	local account = prosody.hosts[host].sessions[user];
	if not account then return true; end
	local sessions = {};
	for _, session in pairs(account.sessions) do sessions[#sessions + 1] = session; end
	for _, session in ipairs(sessions) do
		session:close({ condition = "policy-violation", text = "closed by the test" });
	end
	return true;
end

local actions = {};

function actions.register(form)
	if usermanager.user_exists(form.user, host) then return nil, "account exists"; end
	return usermanager.create_user(form.user, form.password, host);
end

function actions.unregister(form)
	return usermanager.delete_user(form.user, host);
end

function actions.password(form)
	return usermanager.set_password(form.user, form.password, host, nil);
end

function actions.kick(form)
	return kick(form.user);
end

-- One half of a mutual subscription: contact in the roster of user.
function actions.contact(form)
	local jid = form.contact.."@"..host;
	local roster, err = rostermanager.load_roster(form.user, host);
	if not roster then return nil, err or "no roster"; end
	local item = roster[jid] or { groups = {} };
	item.subscription, item.ask = "both", nil;
	roster[jid] = item;
	local ok, save_err = rostermanager.save_roster(form.user, host, roster, jid);
	if not ok then return nil, save_err; end
	rostermanager.roster_push(form.user, host, jid);
	return true;
end

module:depends("http");
module:provides("http", {
	default_path = "/confab";
	route = {
		["POST /*"] = function (event, name)
			local form = formdecode(event.request.body or "");
			if not secret or type(form) ~= "table" or form.secret ~= secret then return 403; end
			local action = actions[name];
			if not action then return 404; end
			local ok, err = action(form);
			if ok then return "ok"; end
			event.response.status_code = 409;
			return tostring(err);
		end;
	};
});
