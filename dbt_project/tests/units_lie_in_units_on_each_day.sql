-- What: on some day of its validity a unit lies in no unit of the level above, or in two.
-- When: the list of units closed or renamed a unit without the units in it, or named a parent of the other system.
-- How to resolve: date the parent in the seed admin_unit so that its rows together cover those of its units.
with dated as (
    select
        admin_unit_key,
        code,
        parent_code,
        system,
        case
            when level = 'district' or system = 'two_level' then 'province'
            else 'district'
        end as parent_level,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_until
    from {{ ref('dim_admin_unit') }}
    where level <> 'province'
),

covered as (
    select
        dated.admin_unit_key,
        dated.valid_until - dated.valid_from + 1 as day_count,
        coalesce(
            sum(
                least(dated.valid_until, coalesce(parent.valid_to, date '9999-12-31'))
                - greatest(dated.valid_from, parent.valid_from) + 1
            ),
            0
        ) as covered_day_count
    from dated
    left join {{ ref('dim_admin_unit') }} as parent
        on
            dated.parent_code = parent.code
            and dated.parent_level = parent.level
            and dated.system = parent.system
            and dated.valid_until >= parent.valid_from
            and dated.valid_from <= coalesce(parent.valid_to, date '9999-12-31')
    group by dated.admin_unit_key, dated.valid_from, dated.valid_until
)

select *
from covered
where day_count <> covered_day_count
