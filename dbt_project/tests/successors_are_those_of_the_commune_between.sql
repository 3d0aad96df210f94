-- What: a commune that ended before 1 July 2025 has other successors than the commune that took it over, or that one
-- was not there then.
-- When: one of both was corrected in the seed admin_unit_successor, the other not.
-- How to resolve: give the commune the rows of the one in via_commune_code.
with by_way_of as (
    select distinct
        old_commune_code,
        via_commune_code
    from {{ ref('bridge_admin_unit_successor') }}
    where via_commune_code is not null
),

expected as (
    select
        by_way_of.old_commune_code,
        between_them.new_commune_code,
        between_them.how,
        between_them.is_main_part,
        by_way_of.via_commune_code
    from by_way_of
    inner join {{ ref('dim_admin_unit') }} as unit
        on
            by_way_of.via_commune_code = unit.code
            and unit.level = 'commune'
            and unit.valid_to = date '2025-06-30'
    inner join {{ ref('bridge_admin_unit_successor') }} as between_them
        on
            by_way_of.via_commune_code = between_them.old_commune_code
            and between_them.via_commune_code is null
),

found as (
    select
        old_commune_code,
        new_commune_code,
        how,
        is_main_part,
        via_commune_code
    from {{ ref('bridge_admin_unit_successor') }}
    where via_commune_code is not null
),

missing as (
    select * from expected
    except
    select * from found
),

too_many as (
    select * from found
    except
    select * from expected
)

select * from missing
union all
select * from too_many
