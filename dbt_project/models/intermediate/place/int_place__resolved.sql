{{ config(key=['named_commune_code', 'named_on', 'placed_on']) }}

{% set named_in = [
    ref('int_household__classified'),
    ref('stg_household_review_held'),
    ref('stg_commune_profile'),
    ref('stg_credit_loan'),
    ref('stg_capacity_activity'),
    ref('stg_poor_movement'),
    ref('stg_near_poor_movement'),
] -%}

with two_level as (
    select min(valid_from) as begins_on
    from {{ ref('int_place__dated_unit') }}
    where system = 'two_level'
),

named_place as (
    {%- for report in named_in %}
        select
            commune_code,
            period_end_on as named_on,
            period_end_on as placed_on
        from {{ report }}
        union
    {%- endfor %}
    -- a household that left the lists is looked for a year later
    select
        commune_code,
        period_end_on,
        (period_end_on + interval '1 year')::date
    from {{ ref('int_household__classified') }}
    union
    -- a supported household stands where the register has it, on the last day of the quarter and of the year
    select
        register.commune_code,
        register.named_on,
        asked.placed_on
    from {{ ref('stg_support_delivery') }} as support
    cross join two_level
    cross join
        lateral (
            values
            ({{ register_year('support', 'two_level') }}, support.period_end_on),
            (support.period_year, make_date(support.period_year, 12, 31))
        ) as asked (register_year, placed_on)
    inner join {{ ref('int_household__identity') }} as known on support.household_code = known.household_code
    inner join {{ ref('int_household__version') }} as register
        on {{ version_in_year('register', 'known.household_id', 'asked.register_year') }}
    union
    -- or, when it is in no register, where its code was given
    select
        left(support.household_code, 5),
        support.period_end_on,
        asked.placed_on
    from {{ ref('stg_support_delivery') }} as support
    cross join
        lateral (values (support.period_end_on), (make_date(support.period_year, 12, 31))) as asked (placed_on)
    union
    -- what is reported by parts of a year counts for the year where its place is in the end
    select
        commune_code,
        period_end_on,
        make_date(period_year, 12, 31)
    from {{ ref('stg_capacity_activity') }}
),

main_successor as (
    select
        old_commune_code,
        new_commune_code,
        via_commune_code
    from {{ ref('admin_unit_successor') }}
    where how = 'whole' or is_main_part
),

-- Most codes live on in the two-level system with another meaning: a code named before it leads to the commune that
-- took the old one over, and to the one of the same code only if there is none.
candidate as (
    select
        named_place.commune_code as named_commune_code,
        named_place.named_on,
        named_place.placed_on,
        named_place.commune_code as candidate_code,
        case
            when named_place.named_on < two_level.begins_on and named_place.placed_on >= two_level.begins_on then 3
            else 1
        end as preference
    from named_place
    cross join two_level
    union all
    select
        named_place.commune_code,
        named_place.named_on,
        named_place.placed_on,
        case
            when named_place.placed_on >= two_level.begins_on then main_successor.new_commune_code
            else main_successor.via_commune_code
        end,
        2
    from named_place
    cross join two_level
    inner join main_successor on named_place.commune_code = main_successor.old_commune_code
),

-- The list of units knows two states of the three-level system, so a unit may be dated a little early or late: where
-- no validity holds the day, the nearest one does.
nearest as (
    select distinct on (candidate.named_commune_code, candidate.named_on, candidate.placed_on)
        candidate.named_commune_code,
        candidate.named_on,
        candidate.placed_on,
        unit.admin_unit_key,
        unit.code as commune_code,
        unit.district_code,
        unit.province_code
    from candidate
    inner join {{ ref('int_place__dated_unit') }} as unit
        on
            candidate.candidate_code = unit.code
            and unit.level = 'commune'
    order by
        candidate.named_commune_code,
        candidate.named_on,
        candidate.placed_on,
        case when candidate.placed_on between unit.valid_from and unit.valid_until then 0 else 1 end,
        candidate.preference,
        case
            when candidate.placed_on < unit.valid_from then unit.valid_from - candidate.placed_on
            when candidate.placed_on > unit.valid_until then candidate.placed_on - unit.valid_until
            else 0
        end,
        unit.valid_from
)

select
    *,
    coalesce(district_code, commune_code) as reporting_unit_code,
    coalesce('huyen-' || district_code, 'xa-' || commune_code) as reporting_sender_code
from nearest
