{{ config(key=['admin_unit_key']) }}

with unit as (
    select
        code,
        level,
        name,
        parent_code,
        system,
        coalesce(valid_from, date '1900-01-01') as valid_from,
        valid_to
    from {{ ref('admin_unit') }}
),

-- A district that was renamed or joined stands in several rows, always in the same province.
district_province as (
    select distinct
        code as district_code,
        parent_code as province_code
    from unit
    where level = 'district'
)

select
    unit.code || '@' || unit.valid_from as admin_unit_key,
    unit.code,
    unit.level,
    unit.name,
    unit.parent_code,
    unit.system,
    unit.valid_from,
    unit.valid_to,
    coalesce(unit.valid_to, date 'infinity') as valid_until,
    case
        when unit.level = 'district' then unit.code
        when unit.level = 'commune' and unit.system = 'three_level' then unit.parent_code
    end as district_code,
    case
        when unit.level = 'province' then unit.code
        when unit.level = 'district' or unit.system = 'two_level' then unit.parent_code
        else district_province.province_code
    end as province_code
from unit
left join district_province
    on
        unit.parent_code = district_province.district_code
        and unit.level = 'commune'
        and unit.system = 'three_level'
