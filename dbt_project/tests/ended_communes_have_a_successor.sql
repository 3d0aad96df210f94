-- What: a commune of the three-level system has no successor, and nobody has said why.
-- When: the list of units was renewed without the list of successors.
-- How to resolve: add what took it over to the seed admin_unit_successor, with the source; or name it here, with the
-- reason. Which commune took in Xã Phú An Hòa (28825, Châu Thành, Bến Tre) in 2024 is told by no source that we have.
with unknown (commune_code) as (
    values ('28825')
)

select distinct unit.code
from {{ ref('dim_admin_unit') }} as unit
left join {{ ref('bridge_admin_unit_successor') }} as successor on unit.code = successor.old_commune_code
left join unknown on unit.code = unknown.commune_code
where
    unit.level = 'commune'
    and unit.system = 'three_level'
    and successor.old_commune_code is null
    and unknown.commune_code is null
