{{ config(key=['sender_code', 'sender_code_before']) }}

with two_level as (
    select extract(year from min(valid_from))::integer as first_year
    from {{ ref('int_place__dated_unit') }}
    where system = 'two_level'
)

select
    'xa-' || successor.new_commune_code as sender_code,
    two_level.first_year,
    'huyen-' || old_unit.district_code as sender_code_before,
    count(*) over (partition by successor.new_commune_code) as sender_before_count
from {{ ref('admin_unit_successor') }} as successor
cross join two_level
inner join {{ ref('int_place__dated_unit') }} as old_unit
    on
        successor.old_commune_code = old_unit.code
        and old_unit.level = 'commune'
        and make_date(two_level.first_year - 1, 12, 31) between old_unit.valid_from and old_unit.valid_until
group by successor.new_commune_code, two_level.first_year, old_unit.district_code
