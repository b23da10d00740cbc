"""Argo CD's Lua scripts, run as Argo CD runs them: by gopher-lua, with the base library and no more."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HARNESS = """
local real_os = os
local function sandbox(object)
  return {
    obj = object, ipairs = ipairs, pairs = pairs, next = next, type = type, tostring = tostring, tonumber = tonumber,
    error = error, assert = assert, pcall = pcall, select = select, unpack = unpack, table = table,
    require = function(name)
      if name == "os" then return { date = real_os.date, time = real_os.time } end
      error("Argo CD has no module " .. name)
    end,
  }
end
local chunk = assert(loadstring(SCRIPT))
local function run(object)
  setfenv(chunk, sandbox(object))
  return chunk()
end

local function encode(value)
  local kind = type(value)
  if kind == "table" then
    local parts = {}
    if #value > 0 then
      for _, one in ipairs(value) do parts[#parts + 1] = encode(one) end
      return "[" .. table.concat(parts, ",") .. "]"
    end
    for key, one in pairs(value) do parts[#parts + 1] = encode(tostring(key)) .. ":" .. encode(one) end
    return "{" .. table.concat(parts, ",") .. "}"
  elseif kind == "string" then
    local function escaped(c) return string.format("\\\\u%04x", string.byte(c)) end
    return '"' .. string.gsub(value, '[%c"\\\\]', escaped) .. '"'
  end
  return tostring(value)
end

local function merge(into, patch)
  for key, value in pairs(patch) do
    if type(value) ~= "table" then into[key] = value
    elseif #value > 0 then
      into[key] = into[key] or {}
      for _, one in ipairs(value) do table.insert(into[key], one) end
    else
      into[key] = into[key] or {}
      merge(into[key], value)
    end
  end
  return into
end
"""
_ONE_BY_ONE = """
for _, object in ipairs(OBJECTS) do
  local fine, result = pcall(run, object)
  if fine then print(encode({ result = result })) else print(encode({ error = tostring(result) })) end
end
"""
_ALL_MIXES = """
local place = {}
for i = 1, #AXES do place[i] = 1 end
while true do
  local object = merge({}, BASE)
  for i, axis in ipairs(AXES) do merge(object, axis[place[i]]) end
  print(run(object).status)
  local i = #AXES
  while i > 0 and place[i] == #AXES[i] do place[i] = 1; i = i - 1 end
  if i == 0 then break end
  place[i] = place[i] + 1
end
"""
Json = dict[str, Any]


class ScriptError(Exception):
    """A script ended with `error(…)`."""


@dataclass(frozen=True, slots=True)
class Lua:
    """Runs scripts with the interpreter `glua`."""

    glua: Path

    def results(self, script: str, objects: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What `script` returns for each of `objects`; empty tables come as {}. Raises ScriptError."""
        lines = self._run(f"SCRIPT = {literal(script)}\nOBJECTS = {literal(objects)}\n{_HARNESS}{_ONE_BY_ONE}")
        answers = [json.loads(line) for line in lines]
        for answer in answers:
            if "error" in answer:
                raise ScriptError(answer["error"])
        return [answer.get("result") for answer in answers]

    def statuses(self, script: str, base: Mapping[str, Any], axes: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
        """The health status of `base` with each combination of one patch from each axis, in itertools.product's order.

        Patches are merged; lists are appended to what is there.
        """
        told = f"SCRIPT = {literal(script)}\nBASE = {literal(base)}\nAXES = {literal(axes)}\n"
        return self._run(f"{told}{_HARNESS}{_ALL_MIXES}")

    def _run(self, source: str) -> list[str]:
        done = subprocess.run([self.glua, "/dev/stdin"], input=source, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ScriptError(done.stderr or done.stdout)
        return done.stdout.splitlines()


def literal(value: Any) -> str:
    """A JSON-like value as Lua writes it."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return '"' + "".join(_character(c) for c in value) + '"'
        case Mapping():
            return "{" + ",".join(f"[{literal(str(key))}]={literal(one)}" for key, one in value.items()) + "}"
        case Sequence():
            return "{" + ",".join(literal(one) for one in value) + "}"
    raise TypeError(f"{type(value).__name__} does not go into Lua")


def _character(c: str) -> str:
    if c in '"\\' or ord(c) < 32:
        return f"\\{ord(c):03d}"
    return c
